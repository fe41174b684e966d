"""Modules and containers behave as PyTorch's: the same code, run with either, tells the same."""

import copy
from collections import OrderedDict

import numpy as np
import pytest
import torch as reference  # noqa: TID251 - the reference

import learnt.engine as torch
from learnt.engine import nn


def net(lib):
    """A module with one of everything."""

    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            n = lib.nn
            self.a = n.Linear(3, 4)
            self.w = n.Parameter(lib.ones(2))
            self.register_buffer("b", lib.zeros(2))
            self.register_buffer("t", lib.zeros(2), persistent=False)
            self.seq = n.Sequential(n.Linear(4, 4), n.ReLU(), n.Sequential(n.Linear(4, 2)))
            self.shared = self.a
            self.list = n.ModuleList([n.Linear(2, 2) for _ in range(3)] + [n.ReLU()])
            self.dict = n.ModuleDict({"x": n.Linear(1, 1), "y": n.ReLU()})
            self.weights = n.ParameterList([lib.ones(2, 3), lib.ones(1)])
            self.named = n.ParameterDict({"p": lib.ones(3)})
            self.nothing = None
            self.register_parameter("no_parameter", None)
            self.register_buffer("no_buffer", None)

        def forward(self, x):
            return self.seq(self.a(x))

    return Net()


def names(module):
    """All it lists, by name."""
    listed = "named_parameters", "named_buffers", "named_modules", "named_children"
    return [[k for k, _ in getattr(module, n)()] for n in listed] + [list(module.state_dict())]


def told(f, lib):
    """What `f` gives, or which error it raises, as text."""
    try:
        return str(f(lib)).replace("torch.FloatTensor", "torch.float32").replace("_Inc", "Inc")
    except Exception as error:
        return type(error).__name__


def agree(f):
    """Both libraries tell the same."""
    assert told(f, torch) == told(f, reference)


def small(lib):
    """A Sequential of four."""
    n = lib.nn
    return n.Sequential(n.Linear(1, 1), n.ReLU(), n.Tanh(), n.Sigmoid())


def changed(change):
    """A function that makes four modules in a row, changes them, and shows what became of it."""

    def f(lib):
        found = small(lib)
        result = change(found, lib)
        return found, result, list(found.state_dict()), len(found)

    return f


LISTS = {
    "names": lambda lib: names(net(lib)),
    "repeated": lambda lib: [k for k, _ in net(lib).named_parameters(remove_duplicate=False)],
    "prefix": lambda lib: [k for k, _ in net(lib).named_parameters("pre", recurse=False)],
    "paths": lambda lib: [k for k, _ in net(lib).named_modules(prefix="p", remove_duplicate=False)],
    "state prefix": lambda lib: list(net(lib).state_dict(prefix="q.")),
    "parameters": lambda lib: [tuple(p.shape) for p in net(lib).parameters(recurse=False)],
    "buffers": lambda lib: [tuple(b.shape) for b in net(lib).buffers()],
    "modules": lambda lib: [type(m).__name__ for m in net(lib).modules()],
    "evaluation": lambda lib: [m.training for m in net(lib).eval().modules()],
    "dicts": lambda lib: [
        list(getattr(net(lib), n)) for n in ("_parameters", "_buffers", "_modules")
    ],
    "repr": net,
    "repr of a parameter": lambda lib: lib.nn.Parameter(lib.ones(2)),
}
LOADS = {
    "all": lambda lib: net(lib).load_state_dict(net(lib).state_dict()),
    "some": lambda lib: net(lib).load_state_dict(
        {"w": lib.ones(2), "z": lib.ones(1)}, strict=False
    ),
    "some, strictly": lambda lib: net(lib).load_state_dict({"w": lib.ones(2)}),
    "another shape": lambda lib: net(lib).load_state_dict({"w": lib.ones(3)}, strict=False),
}
IN_A_ROW = {
    "delete": lambda s, lib: s.__delitem__(0) and None,
    "delete some": lambda s, lib: s.__delitem__(slice(1, 3)) and None,
    "set": lambda s, lib: s.__setitem__(-1, lib.nn.ReLU()),
    "pop": lambda s, lib: s.pop(1),
    "append": lambda s, lib: s.append(lib.nn.Linear(1, 2)),
    "extend": lambda s, lib: s.extend(small(lib)),
    "insert": lambda s, lib: s.insert(1, lib.nn.ReLU()),
    "add": lambda s, lib: s + small(lib),
    "slice": lambda s, lib: s[1:3],
    "last": lambda s, lib: s[-1],
    "too far": lambda s, lib: s[9],
    "not a module": lambda s, lib: s.append(3),
    "list": lambda s, lib: lib.nn.ModuleList(s)[1:],
    "list, added": lambda s, lib: lib.nn.ModuleList(s).__iadd__([lib.nn.Tanh()]),
    "list, inserted": lambda s, lib: (new := lib.nn.ModuleList(s)).insert(0, lib.nn.Tanh()) or new,
    "in replace": lambda s, lib: s._modules.update({"1": lib.nn.Tanh()}),
}


@pytest.mark.parametrize("name", LISTS)
def test_what_a_module_has_is_listed_as_in_pytorch(name):
    agree(LISTS[name])


@pytest.mark.parametrize("name", LOADS)
def test_states_are_loaded_or_refused_as_in_pytorch(name):
    agree(LOADS[name])


@pytest.mark.parametrize("name", IN_A_ROW)
def test_modules_in_a_row_are_changed_as_in_pytorch(name):
    agree(changed(IN_A_ROW[name]))


VALUES = {
    "tensor": lambda lib: lib.ones(1),
    "parameter": lambda lib: lib.nn.Parameter(lib.ones(1)),
    "buffer": lambda lib: lib.nn.Buffer(lib.ones(1)),
    "passing buffer": lambda lib: lib.nn.Buffer(lib.ones(1), persistent=False),
    "module": lambda lib: lib.nn.ReLU(),
    "none": lambda lib: None,
    "number": lambda lib: 3,
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", ["w", "b", "t", "a", "no_parameter", "no_buffer", "new"])
def test_assignments_follow_pytorchs_rules(name, value):
    def assign(lib):
        module = net(lib)
        setattr(module, name, VALUES[value](lib))
        return names(module)

    agree(assign)


@pytest.mark.parametrize("name", ["w", "b", "t", "a", "nothing", "no_buffer", "unknown"])
def test_what_is_deleted_is_gone(name):
    def delete(lib):
        module = net(lib)
        delattr(module, name)
        return names(module)

    agree(delete)


@pytest.mark.parametrize(
    "f",
    [
        lambda lib: net(lib).add_module("a.b", lib.nn.ReLU()),
        lambda lib: net(lib).add_module("", lib.nn.ReLU()),
        lambda lib: net(lib).add_module("x", 3),
        lambda lib: net(lib).register_buffer("w", lib.ones(1)),
        lambda lib: net(lib).register_buffer("x", 3),
        lambda lib: net(lib).register_parameter("x", lib.ones(1)),
        lambda lib: net(lib).train("yes"),
        lambda lib: net(lib).to(lib.int64),
        lambda lib: lib.nn.Module()(1),
        lambda lib: lib.nn.ModuleDict({"keys": lib.nn.ReLU()}),
    ],
)
def test_mistakes_raise_what_pytorch_raises(f):
    agree(f)


def test_assigning_before_the_module_is_made_is_an_error():
    def early(lib):
        class Early(lib.nn.Module):
            def __init__(self):
                self.w = lib.nn.Parameter(lib.ones(1))

        return Early()

    agree(early)


@pytest.mark.parametrize("target", ["a", "seq.2.0", "", "nope", "a.weight", "a.nope", "w", "b"])
def test_paths_lead_where_they_lead_in_pytorch(target):
    agree(lambda lib: net(lib).get_submodule(target))
    agree(lambda lib: tuple(net(lib).get_parameter(target).shape))
    agree(lambda lib: tuple(net(lib).get_buffer(target).shape))


def test_the_order_is_that_of_registration():
    def ordered(lib):
        class Ordered(lib.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer, self.bias = lib.nn.Linear(1, 1), None
                self.weight = lib.nn.Parameter(lib.ones(1))
                self.bias = lib.nn.Parameter(lib.ones(1))
                self.weight = lib.nn.Parameter(lib.ones(2))

        return names(Ordered())

    agree(ordered)


def test_names_in_a_sequential_and_a_dict_are_kept():
    def made(lib):
        n = lib.nn
        row = n.Sequential(OrderedDict(a=n.ReLU(), b=n.Linear(1, 1)))
        row.add_module("c", n.Tanh())
        table = n.ModuleDict([("a", n.ReLU()), ("b", n.Tanh())])
        table["c"] = n.Sigmoid()
        taken = table.pop("a")
        table.update({"z": row})
        return row, row.b, row[:2], taken, table, list(table), "b" in table, list(table.items())

    agree(made)


def test_tensors_become_parameters_in_their_containers():
    def made(lib):
        listed = lib.nn.ParameterList([lib.ones(1)]).append(lib.ones(2))
        named = lib.nn.ParameterDict({"a": lib.ones(1)})
        named["b"] = lib.ones(3)
        return names(listed), names(named), type(listed[-1]).__name__, type(named["b"]).__name__

    agree(made)


def test_hooks_are_called_in_pytorchs_order_and_change_what_they_return():
    def hooked(lib):
        class Scale(lib.nn.Module):
            def forward(self, x, *, by=1):
                return x * by

        module, log = Scale(), []
        first = module.register_forward_hook(lambda m, args, y: log.append("after"))
        module.register_forward_hook(lambda m, args, y: y + 1)
        module.register_forward_hook(
            lambda m, args, options, y: log.append(list(options)), prepend=True, with_kwargs=True
        )
        module.register_forward_pre_hook(lambda m, args: args[0] * 10)
        module.register_forward_pre_hook(
            lambda m, args, options: (args, {"by": options["by"] + 1}), with_kwargs=True
        )
        found = [float(module(lib.ones(1), by=2))]
        first.remove()
        return found, float(module(lib.ones(1), by=3)), log

    agree(hooked)


def test_train_and_state_of_a_subclass_reach_it_below_others():
    def made(lib):
        class Frozen(lib.nn.Module):
            def __init__(self):
                super().__init__()
                self.norm = lib.nn.BatchNorm1d(2)

            def train(self, mode=True):
                super().train(mode)
                self.norm.eval()
                return self

            def _load_from_state_dict(self, state_dict, prefix, *args):
                state_dict[prefix + "norm.weight"] = state_dict.pop(prefix + "old")
                super()._load_from_state_dict(state_dict, prefix, *args)

        module = lib.nn.Sequential(Frozen()).train()
        state = module.state_dict()
        state["0.old"] = state.pop("0.norm.weight") + 5
        keys = module.load_state_dict(state)
        return module[0].norm.training, module[0].training, keys, module[0].norm.weight.tolist()

    agree(made)


def test_a_deep_copy_shares_nothing_with_the_module_and_within_itself_what_the_module_shares():
    module = net(torch)
    module(torch.ones(1, 3)).sum().backward()
    copied = copy.deepcopy(module)
    assert copied.shared is copied.a
    assert names(copied) == names(module)
    assert copied.w.grad is None
    copied.a.weight.array[...] = 0
    assert module.a.weight.array.any()
    copied.new = nn.ReLU()
    assert not hasattr(module, "new")


def test_a_state_shares_memory_with_the_module_and_loading_copies():
    layer, other = nn.Linear(2, 2), nn.Linear(2, 2)
    state = other.state_dict()
    layer.load_state_dict(state)
    state["weight"].array[...] = 7
    assert (other.weight.array == 7).all()
    assert not (layer.weight.array == 7).any()
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


def test_loading_with_assign_takes_the_tensors_themselves():
    layer = nn.Linear(1, 1).requires_grad_(False)
    given = {"weight": torch.ones(1, 1), "bias": nn.Parameter(torch.ones(1))}
    layer.load_state_dict(given, assign=True)
    assert layer.weight.array is given["weight"].array
    assert layer.bias is given["bias"]
    assert not layer.weight.requires_grad


def test_loading_between_forward_and_backward_is_found_out():
    layer = nn.Linear(2, 2)
    y = layer(torch.ones(1, 2, requires_grad=True))
    layer.load_state_dict({name: t.clone() for name, t in layer.state_dict().items()})
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def test_types_change_for_parameters_buffers_and_gradients_alike():
    module = net(torch)
    module(torch.ones(1, 3)).sum().backward()
    before = module.a.weight
    assert module.double() is module
    assert module.a.weight is before
    assert {before.dtype, before.grad.dtype, module.b.dtype} == {np.dtype("float64")}
    assert nn.BatchNorm1d(2).double().num_batches_tracked.dtype == np.int64
    assert module.to(torch.ones(1)).to("cpu").w.dtype == np.float32
    for name in ("half", "bfloat16", "cuda"):
        with pytest.raises(NotImplementedError, match=name):
            getattr(module, name)()
    with pytest.raises(NotImplementedError, match="cuda"):
        module.to("cuda")


def test_gradients_are_forgotten_or_made_zero():
    layer = nn.Linear(1, 1)
    layer(torch.ones(1, 1)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0.0]]
    layer.zero_grad()
    assert layer.weight.grad is None


def test_a_parameter_shares_memory_with_its_tensor():
    tensor = torch.ones(2)
    parameter = nn.Parameter(tensor, requires_grad=False)
    parameter.array[0] = 5
    assert tensor.tolist() == [5, 1]
    assert not parameter.requires_grad
    assert nn.Parameter(tensor).is_leaf


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # PyTorch's, without inputs
@pytest.mark.parametrize("wants", [True, False], ids=["inputs want gradients", "they do not"])
def test_a_hook_on_the_way_back_sees_and_replaces_what_pytorchs_does(wants):
    def tell(lib):
        layer, seen = lib.nn.Linear(2, 3), []
        lib.nn.init.ones_(layer.weight)
        lib.nn.init.zeros_(layer.bias)

        def hook(module, grad_input, grad_output):
            assert module is layer
            seen.extend(None if g is None else g.tolist() for g in (*grad_input, *grad_output))
            return tuple(None if g is None else g * 10 for g in grad_input)

        handle = layer.register_full_backward_hook(hook)
        x = lib.tensor([[1.0, 2.0]], requires_grad=wants)
        (layer(x) ** 2).sum().backward()
        handle.remove()
        layer(x).sum().backward()
        return seen, x.grad.tolist() if wants else None, layer.weight.grad.tolist()

    assert tell(torch) == tell(reference)
