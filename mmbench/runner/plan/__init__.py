"""What will be asked: identities and batches."""
