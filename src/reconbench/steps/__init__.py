"""What each step of the workflow computes: measure, tune, restore, score."""
