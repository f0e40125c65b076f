"""Verbs over the network: a study in an archive, and a node that answers what is sent to it."""
