"""Explanations: maps of what speaks for a class, what they are worth, and which photos.

``base`` says what is explained; ``recorder`` and ``towers`` look into it;
``attention_gradient``, ``cam`` and ``rise`` are the methods, ``methods`` says which apply;
``faithfulness`` measures them; ``drawing`` brings a map to the reader;
``selection`` chooses the photos, ``computed`` keeps what costs; ``case`` puts it all together.
"""
