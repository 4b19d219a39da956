"""What is made of scores: tables, figures, the report, and where each came from."""
