"""What travels inside every program: reading pictures, running the graph, the command line.

It needs the standard library, NumPy, ONNX Runtime and Pillow, and nothing else of learnt but
`errors`. The installed copy runs programs as data: nothing inside a file is executed.
"""
