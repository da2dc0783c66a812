"""
Evidence in a network
=====================

A small network of causes and symptoms, given by its tables. Every answer is exact: what is to be
expected, and how that changes with what is known.
"""

from matplotlib import pyplot as plt

import harmonium as hm

# Each table is P(last variable given those before it), so their product is already normalised.
network = hm.MarkovNetwork(
    [
        hm.Factor(["smoker"], [0.7, 0.3]),
        hm.Factor(["cold"], [0.8, 0.2]),
        hm.Factor(["smoker", "bronchitis"], [[0.95, 0.05], [0.75, 0.25]]),
        hm.Factor(
            ["cold", "bronchitis", "cough"],
            [[[0.97, 0.03], [0.3, 0.7]], [[0.4, 0.6], [0.15, 0.85]]],
        ),
        hm.Factor(["cold", "fever"], [[0.98, 0.02], [0.6, 0.4]]),
    ]
)
print("log Z:", network.log_partition())

# %%
_ = hm.display.NetworkDisplay.from_estimator(network)

# %%
# Somebody coughs. Thin bars: what was to be expected before.
figure, axes = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
asked = ["smoker", "bronchitis", "cold", "fever"]
one = hm.display.MarginalsDisplay.from_estimator(network, asked, evidence={"cough": 1}, ax=axes[0])
# ... and has a fever: that explains the cough, so bronchitis becomes less probable again.
other = hm.display.MarginalsDisplay.from_estimator(
    network, asked[:3], evidence={"cough": 1, "fever": 1}, ax=axes[1]
)
axes[0].set_title("cough")
_ = axes[1].set_title("cough and fever")
