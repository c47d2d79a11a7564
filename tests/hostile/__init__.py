"""Servers that would hang, flood or outlive whoever tests them."""
