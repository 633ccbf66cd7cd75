"""Export as Terraform code."""
