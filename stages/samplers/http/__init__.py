"""One request over the network: the client, the chat protocol, the batch endpoint, faults, and batches under
way."""
