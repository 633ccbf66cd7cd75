"""How long alerts are kept: Port itself keeps everything until somebody deletes it."""
