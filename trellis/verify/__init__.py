"""What others say of the documents that Trellis renders: Talos's own validator, Cilium's published schemas."""
