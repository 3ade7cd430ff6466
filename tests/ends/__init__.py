"""What the program meets at its ends, simulated: an sshd on loopback, and an HTTPS server in Proxmox's place."""
