"""The four sides as files: CSV, TSV, Excel and Parquet, read into typed tables; what cannot be read is named by row.

`reading.read` is the door. A file goes one of two ways: the quick one in columns, for what is clean, and the careful
one row by row in plain Python, which is the truth. Whatever the quick way is not sure of it hands to the careful one.
"""
