"""The words of each language that graders look for, as tables: a new language is a table and no pattern."""
