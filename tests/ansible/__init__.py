"""The Ansible collection of packaging/ansible, run by ansible-core."""
