"""The ranked loss in a training loop of your own: a ranking, a module, a batch of two views.

python examples/loss_in_your_loop.py
"""

import torch

from rankcon_cli.losses import RankedContrastiveLoss
from rankcon_cli.ranking import compile_ranking, load

table = compile_ranking(load("cifar10"))  # a file's path works as well
loss_of = RankedContrastiveLoss(table, ranks=3, variant="out-in")

torch.manual_seed(0)
labels = torch.arange(len(table.classes)).repeat(8)  # label i is table.classes[i]; two views of 4 images a class
embeddings = torch.randn(len(labels), 16, requires_grad=True)  # stands for your encoder's projection
optimizer = torch.optim.SGD([embeddings], lr=20.0)

for step in range(201):
    loss = loss_of(embeddings, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step:3d}  loss {loss.item():.3f}")

means = torch.nn.functional.normalize(torch.stack([embeddings[labels == c].mean(0) for c in range(len(table.classes))]))
airplane = table.classes.index("airplane")
nearest = (means @ means[airplane]).argsort(descending=True).tolist()
print("from airplane outwards:", " > ".join(table.classes[c] for c in nearest))
