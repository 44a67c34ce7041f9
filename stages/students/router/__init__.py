"""The router of two students that are trained together: it says which path of the teacher goes to which
student, and which student is asked in which style.

It follows "Learning from Diverse Reasoning Paths with Routing and Collaboration"
(https://arxiv.org/abs/2508.16861) in its parts: a frozen encoder, a head for each student, gates by
straight-through Gumbel-softmax (https://arxiv.org/abs/1611.01144) that multiply the losses of the paths. What
the heads learn from differs: see route_settings.py.
"""
