"""A small convolutional network for small pictures, trained from scratch on the built-in engine."""



class Heads:
    pass
