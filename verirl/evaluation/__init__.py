"""How good a policy is: pass@k with intervals, gates, comparisons; and the documents that say so."""
