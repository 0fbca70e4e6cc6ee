"""Read tables of rows from files and folders: JSON, CSV, parquet, Arrow, tar archives and folders as on the Hugging Face hub."""
