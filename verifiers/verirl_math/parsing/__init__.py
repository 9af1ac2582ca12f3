"""Parse answers in LaTeX, Unicode or plain notation to a typed expression tree.

`normalize` reduces the text to one alphabet, `lexer` cuts it into tokens, and `parser` builds the tree from
them, with the classes of `atoms`, `brackets` and `token_stream`. `expressions` holds the nodes of the tree,
`grammar` and `units` the vocabulary.
"""
