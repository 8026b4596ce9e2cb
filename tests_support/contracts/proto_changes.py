"""Changes of a Protobuf file, each as what is replaced by what, and words of our sentences."""

FILE = "shop/v1/order.proto"


OLD = """\
syntax = "proto3";
package shop.v1;
service Orders {
  rpc Put(Order) returns (Order);
  rpc Get(Order) returns (Order);
}
message Order {
  string id = 1;
  int32 count = 2;
  Colour colour = 3;
  string note = 4;
}
enum Colour {
  COLOUR_UNSPECIFIED = 0;
  COLOUR_RED = 1;
}
"""


NOTE = "  string note = 4;\n"


RED = "  COLOUR_RED = 1;\n"


CHANGES: dict[str, tuple[str, str, list[str]]] = {
    "a field more": (NOTE, NOTE + "  string more = 5;\n", []),
    "a comment": (NOTE, "  // What the customer says.\n" + NOTE, []),
    "a field gone": (
        NOTE,
        "",
        [
            "the field `note` (number 4) of shop.v1.Order is gone, and another could take its place",
            'write `reserved 4; reserved "note";` there',
        ],
    ),
    "a field gone, its number reserved": (NOTE, "  reserved 4;\n", ['write `reserved "note";` there']),
    "a field gone, all reserved": (NOTE, '  reserved 4;\n  reserved "note";\n', []),
    "a value gone": (RED, "", ["the value `COLOUR_RED` (number 1) of shop.v1.Colour is gone"]),
    "a value gone, all reserved": (RED, '  reserved 1;\n  reserved "COLOUR_RED";\n', []),
    "a type": ("int32 count", "string count", ['Field "2" with name "count" on message "Order" changed type']),
    "a name": ("string note", "string remark", ['Field "4"', "note", "remark"]),
    "a number": ("note = 4", "note = 5", ["the field `note` (number 4)"]),
    "into a oneof": (NOTE, "  oneof text {\n    string note = 4;\n  }\n", ["oneof"]),
    "repeated": ("string note", "repeated string note", ["cardinality"]),
    "a removed rpc": (
        "  rpc Get(Order) returns (Order);\n",
        "",
        ["the rpc shop.v1.Orders.Get is gone: its callers get UNIMPLEMENTED"],
    ),
    "a stream": ("rpc Get(Order)", "rpc Get(stream Order)", ["client streaming"]),
    "another package": ("package shop.v1", "package shop.v2", ["the package shop.v1 is gone"]),
    "an enum gone": (
        "enum Colour {\n  COLOUR_UNSPECIFIED = 0;\n  COLOUR_RED = 1;\n}\n",
        "enum Paint {\n  PAINT_UNSPECIFIED = 0;\n}\n",
        ["the enum shop.v1.Colour is gone: whoever uses its values has it in code"],
    ),
}
