"""``txt``: a report format, tables as plain text."""


def plain_text(tables):
    """Render tables with a line for each row and two blanks between columns."""
    blocks = []
    for table in tables:
        rows = [table.headings, *table.texts]
        widths = [max(len(row[place]) for row in rows) for place in range(len(table.headings))]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        blocks.append("\n".join([*([table.heading, ""] if table.heading else []), *lines]))
    return "\n\n".join(blocks) + "\n"
