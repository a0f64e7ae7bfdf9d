"""Who may call: certificates, tokens, clients, and the gate that every call passes."""
