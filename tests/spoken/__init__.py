"""Servers of the other dialects, made of the plain server: one that is right for each, wrong ones and odd ones."""
