"""Networks in other forms: usual shapes, UAI files, pictures."""
