"""What is seen of guests: lines of hosts, reasons, the store, and what shows it."""
