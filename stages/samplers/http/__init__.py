"""One request over the network: the client, the chat protocol, endpoints, faults, batch jobs."""
