"""Networks, each written once over `nn`, and the pretrained bodies that some of them carry."""
