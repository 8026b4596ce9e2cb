"""Schema files keep their names and folders; the modules made of them are names that Python takes, one each."""

import keyword

from hypothesis import given
from hypothesis import strategies as st

from codegen.avro.modules import module_names, runtime_files


def test_names_of_real_projects_become_modules() -> None:
    """Camel case, hyphens, points, versions in folders, keywords and the runtime's names become importable."""
    wanted = {
        "avro/order_placed.avsc": "order_placed",
        "avro/10/0/lsst.v10_0.alert.avsc": "_10._0.lsst_v10_0_alert",
        "avro/BatchJob-v12.avsc": "batch_job_v12",
        "avro/HTTPRequest.avsc": "http_request",
        "avro/Order.avsc": "order_",  # the folder is called order
        "avro/Order Placed.avsc": "order_placed_",
        "avro/_runtime.avsc": "_runtime_",
        "avro/class/import.avsc": "class_.import_",
        "avro/order/Order.avsc": "order.order",
        "avro/OrderPlaced.avsc": "order_placed__",  # order_placed.avsc keeps its own
        "avro/über.avsc": "_ber",
    }
    assert module_names(wanted) == wanted


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "A", "a_", "1", "_logical", "__init__", "-", "if"]), min_size=1, max_size=3)
    )
)
def test_every_file_has_a_module_of_its_own(parts: list[list[str]]) -> None:
    """No two files share a module, none is a package at the same time, and each part is an identifier."""
    paths = {f"avro/{'/'.join(each)}.avsc" for each in parts}
    found = module_names(paths)
    modules = list(found.values())
    assert found.keys() == paths
    assert len(set(modules)) == len(modules)
    packages = {module.rpartition(".")[0] for module in modules}
    assert not packages & (set(modules) | {file.stem for file in runtime_files()})
    for module in modules:
        assert all(part.isidentifier() and not keyword.iskeyword(part) for part in module.split("."))
    assert found == module_names(sorted(paths, reverse=True))
