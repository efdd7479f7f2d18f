"""Out-of-distribution detection: outlier scores, their metrics, and the result that the report draws."""
