"""The store's tables, step by step; ``trellis.observe.store`` brings a store to the last one when it is opened."""
