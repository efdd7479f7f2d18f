"""rankcon: rank your classes, train encoders that follow the ranking, and measure what it bought.

The rooms follow the flow of the data: ``ranking`` -> ``data`` -> ``losses`` and ``models`` ->
``training`` -> ``evaluation`` -> ``ood`` -> ``report``, with ``cli`` a thin skin over them.
"""

__version__ = "0.1.0"
