"""A node that answers by itself: a study arrives by C-STORE, rules choose a model, the derived series goes back.

What has arrived is on disk before the sender is told so; a list on disk says what is left to do. So the process may be
killed at any moment: after the next start nothing is lost, and an answer that was sent twice is in the archive once,
since its identifiers follow from what it was made of.
"""
