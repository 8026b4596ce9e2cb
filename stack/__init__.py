"""The native stack: a real Kafka, a real schema registry and Tally's services as processes of this machine."""

from stack.errors import StackError
from stack.parts.components import Components
from stack.parts.names import PartName
from stack.ports import Ports
from stack.system import Stack

__all__ = ["Components", "PartName", "Ports", "Stack", "StackError"]
