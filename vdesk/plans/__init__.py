"""What would have to change: one file per verb. Host and request in, a Plan or a refusal out."""
