"""The database: the truth about every study, instance, result, report and delivery."""
