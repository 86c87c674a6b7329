"""What a number is made of: its formula over other numbers, each of them explained in turn, back to the word.

`core.explain` is explain.py's. What it gives is an Explanation (explanation.py); what is known of a run is a Subject
(subject.py); forward.py and backward.py hold a rule for every name of a trace, with the headings of core/model.py, but
that those of attention are in attention.py and attention_backward.py; parameters.py has those of a parameter's
gradient, and sampling.py those of a draw. A rule states one number by the numbers that it was computed from, and runs
none of the model's own code: so that the sum of its terms is a check of the model, and the other way about.
"""
