// Models whose structure is broken: each is refused when it is read, with an error of its own that names the place.
#include <gmock/gmock.h>

#include "onnx/test_model.h"

namespace fovea::onnx {
namespace {

using ::testing::HasSubstr;

struct Fault {
  const char* name;
  std::function<void(wire::Model&)> make;
  const char* message;  // a part of the error's text
  ErrorCode code = ErrorCode::invalid_model;
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

wire::Graph& graph(wire::Model& m) { return *m.mutable_graph(); }
wire::Node& add(wire::Model& m) { return *graph(m).mutable_node(0); }   // Add "add": x, w -> s
wire::Node& soft(wire::Model& m) { return *graph(m).mutable_node(1); }  // Softmax "soft": s -> y
wire::Tensor& weight(wire::Model& m) { return *graph(m).mutable_initializer(0); }
wire::Attribute& axis(wire::Model& m) { return *soft(m).mutable_attribute(0); }
wire::Shape::Dimension& first_extent(wire::Model& m) {
  return *graph(m).mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0);
}

wire::Graph branch(const char* output) {
  wire::Graph g;
  *g.add_node() = make_node("Neg", {"x"}, {output});
  g.add_output()->set_name(output);
  return g;
}

/// An If of which both branches are given.
void add_if(wire::Model& m, const wire::Graph& then_branch, const wire::Graph& else_branch) {
  graph(m).add_input()->set_name("flag");
  wire::Node& node = *graph(m).add_node();
  node = make_node("If", {"flag"}, {"z"}, "if");
  const std::pair<const char*, const wire::Graph*> branches[] = {{"then_branch", &then_branch},
                                                                 {"else_branch", &else_branch}};
  for (const auto& [name, g] : branches) {
    wire::Attribute& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(5);
    *attribute.mutable_g() = *g;
  }
}

wire::Graph nested(int depth) {
  wire::Graph inner = branch("deep");
  for (int i = 1; i < depth; ++i) {
    wire::Graph outer;
    *outer.add_node() = make_node("If", {"flag"}, {"deep"});
    wire::Attribute& attribute = *outer.mutable_node(0)->add_attribute();
    attribute.set_name("then_branch");
    *attribute.mutable_g() = std::move(inner);
    outer.add_output()->set_name("deep");
    inner = std::move(outer);
  }
  return inner;
}

const int64_t kHuge = int64_t{1} << 62;

const Fault kFaults[] = {
    {"NoGraph", [](auto& m) { m.clear_graph(); }, "it has no graph"},
    {"NoOpset", [](auto& m) { m.mutable_opset_import(0)->set_domain("other"); },
     "Add \"add\": domain \"\" is not among the operator sets"},
    {"OpsetZero", [](auto& m) { m.mutable_opset_import(0)->set_version(0); }, "version 0 of operator set"},
    {"OpsetNegative", [](auto& m) { m.mutable_opset_import(0)->set_version(-7); }, "version -7 of operator set"},
    {"OpsetHuge", [](auto& m) { m.mutable_opset_import(0)->set_version(kHuge); }, "version 4611686018427387904"},
    {"OpsetOfTheFuture", [](auto& m) { m.mutable_opset_import(0)->set_version(1000); },
     "Add \"add\": operator Add of opset 1000", ErrorCode::unsupported},
    {"OpsetTwice", [](auto& m) { m.add_opset_import()->set_version(7); }, "is imported as 14 and as 7"},

    // ---- names
    {"InputWithoutName", [](auto& m) { graph(m).mutable_input(0)->clear_name(); }, "input 0 has no name"},
    {"InputTwice", [](auto& m) { *graph(m).add_input() = graph(m).input(0); }, "input \"x\" is listed twice"},
    {"InitializerWithoutName", [](auto& m) { weight(m).clear_name(); }, "an initializer has no name"},
    {"InitializerTwice", [](auto& m) { *graph(m).add_initializer() = weight(m); }, "initializer \"w\" is there twice"},
    {"DefaultTwice",
     [](auto& m) {
       graph(m).add_input()->set_name("w");
       *graph(m).add_initializer() = weight(m);
     },
     "initializer \"w\" is there twice"},
    {"ValueMadeTwice", [](auto& m) { soft(m).set_output(0, "s"); }, "Softmax \"soft\": value \"s\" is made twice"},
    {"ValueMadeTwiceByOneNode", [](auto& m) { soft(m).add_output("y"); },
     "Softmax \"soft\": value \"y\" is made twice"},
    {"NodeMakesAnInput", [](auto& m) { soft(m).set_output(0, "x"); }, "Softmax \"soft\": value \"x\" is made twice"},
    {"NodeMakesAWeight", [](auto& m) { soft(m).set_output(0, "w"); }, "Softmax \"soft\": value \"w\" is made twice"},
    {"NodeMakesAStringTensor",
     [](auto& m) {
       weight(m).set_data_type(8);
       weight(m).set_name("t");
       soft(m).set_output(0, "t");
     },
     "value \"t\" is made twice"},
    {"UnknownInput", [](auto& m) { soft(m).set_input(0, "nobody"); },
     "Softmax \"soft\": value \"nobody\" does not exist"},
    {"UnknownOutput", [](auto& m) { graph(m).mutable_output(0)->set_name("nobody"); },
     "output \"nobody\": value \"nobody\" does not exist"},
    {"OutputWithoutName", [](auto& m) { graph(m).mutable_output(0)->clear_name(); }, "output 0 has no name"},
    {"NodeWithoutOperator", [](auto& m) { soft(m).clear_op_type(); }, "a node has no operator"},
    {"NodeWithoutName",
     [](auto& m) {
       soft(m).clear_name();
       soft(m).add_input("w");
     },
     "Softmax making \"y\": 2 inputs, but Softmax takes 1"},
    {"UnknownOperator", [](auto& m) { soft(m).set_op_type("Sofmax"); },
     "Sofmax \"soft\": operator Sofmax of opset 14 is not one that fovea has", ErrorCode::unsupported},
    {"UnknownDomain", [](auto& m) { soft(m).set_domain("com.acme"); },
     "com.acme.Softmax \"soft\": domain \"com.acme\" is not among"},
    {"FoveasOwnDomain",
     [](auto& m) {
       soft(m).set_domain("fovea");
       soft(m).set_op_type("Imagined");
       auto& import = *m.add_opset_import();
       import.set_domain("fovea");
       import.set_version(1);
     },
     "fovea.Imagined \"soft\": operator fovea.Imagined of opset 1", ErrorCode::unsupported},

    // ---- cycles
    {"CycleOfOne", [](auto& m) { soft(m).set_input(0, "y"); }, "Softmax \"soft\": the graph has a cycle"},
    {"CycleOfTwo", [](auto& m) { add(m).set_input(0, "y"); }, "Add \"add\": the graph has a cycle"},
    {"CycleThroughASubgraph",
     [](auto& m) {
       wire::Graph g = branch("r");
       g.mutable_node(0)->set_input(0, "z");
       add_if(m, g, branch("q"));
     },
     "If \"if\": the graph has a cycle"},

    // ---- operands
    {"TooManyInputs", [](auto& m) { add(m).add_input("w"); }, "Add \"add\": 3 inputs, but Add takes 2"},
    {"TooFewInputs", [](auto& m) { add(m).mutable_input()->RemoveLast(); }, "Add \"add\": 1 inputs, but Add takes 2"},
    {"RequiredInputLeftOut", [](auto& m) { add(m).set_input(0, ""); }, "Add \"add\": input 0 is left out"},
    {"TooManyOutputs", [](auto& m) { add(m).add_output("extra"); }, "Add \"add\": 2 outputs, but Add has 1"},

    // ---- attributes
    {"AttributeWithoutName", [](auto& m) { axis(m).clear_name(); }, "Softmax \"soft\": an attribute has no name"},
    {"AttributeTwice", [](auto& m) { *soft(m).add_attribute() = axis(m); },
     "Softmax \"soft\": attribute \"axis\": it is there twice"},
    {"AttributeUnknown", [](auto& m) { axis(m).set_name("axes"); },
     "Softmax \"soft\": attribute \"axes\" is not one that Softmax-14 has"},
    {"AttributeOfAnotherKind", [](auto& m) { axis(m).set_type(1); },
     "Softmax \"soft\": attribute \"axis\" must be an integer"},
    {"AttributeEmpty",
     [](auto& m) {
       axis(m).clear_type();
       axis(m).clear_i();
     },
     "Softmax \"soft\": attribute \"axis\": it has no value"},
    {"AttributeOfUnknownType", [](auto& m) { axis(m).set_type(99); },
     "Softmax \"soft\": attribute \"axis\": its type is the unknown number 99"},
    {"AttributeOfNegativeType", [](auto& m) { axis(m).set_type(-1); }, "unknown number -1"},
    {"AttributeOfSparseTensors", [](auto& m) { axis(m).set_type(11); },
     "Softmax \"soft\": attribute \"axis\": its type (number 11", ErrorCode::unsupported},
    {"AttributeWithoutItsTensor", [](auto& m) { axis(m).set_type(4); }, "said to be a tensor, but holds none"},
    {"AttributeRefersToNothing", [](auto& m) { axis(m).set_ref_attr_name("k"); },
     "Softmax \"soft\": attribute \"axis\": it refers to attribute \"k\", but stands in no function"},
    {"AttributesWithoutEnd",
     [](auto& m) {
       for (int i = 0; i < 2000; ++i) soft(m).add_attribute();
     },
     "Softmax \"soft\": a node with 2001 attributes"},
    {"AttributeWithABadTensor",
     [](auto& m) {
       axis(m).set_type(4);
       axis(m).mutable_t()->set_data_type(1);
       axis(m).mutable_t()->add_dims(-1);
     },
     "Softmax \"soft\": attribute \"axis\": shape -1 has a negative extent"},

    // ---- tensors
    {"RawDataTooShort", [](auto& m) { weight(m).set_raw_data("abc"); },
     "initializer \"w\": raw_data has 3 bytes, but f32[2] needs 8"},
    {"RawDataTooLong", [](auto& m) { weight(m).set_raw_data("abcdefghi"); }, "raw_data has 9 bytes"},
    {"RawDataEmpty", [](auto& m) { weight(m).set_raw_data(""); }, "raw_data has 0 bytes"},
    {"NoData", [](auto& m) { weight(m).clear_raw_data(); }, "initializer \"w\": 0 numbers, but f32[2] has 2"},
    {"TooManyNumbers",
     [](auto& m) {
       weight(m).clear_raw_data();
       for (int i = 0; i < 3; ++i) weight(m).add_float_data(1);
     },
     "initializer \"w\": 3 numbers, but f32[2] has 2"},
    {"NumbersInTheWrongField",
     [](auto& m) {
       weight(m).clear_raw_data();
       weight(m).add_double_data(1);
       weight(m).add_double_data(1);
     },
     "initializer \"w\": 0 numbers, but f32[2] has 2"},
    {"ExtentNegative", [](auto& m) { weight(m).set_dims(0, -2); }, "initializer \"w\": shape -2 has a negative extent"},
    {"ExtentMostNegative", [](auto& m) { weight(m).set_dims(0, INT64_MIN); }, "has a negative extent"},
    {"ExtentHuge", [](auto& m) { weight(m).set_dims(0, kHuge); },
     "initializer \"w\": shape 4611686018427387904 has more than 2^63 bytes"},
    {"ExtentHugeButFits", [](auto& m) { weight(m).set_dims(0, kHuge / 4); }, "raw_data has 8 bytes, but"},
    {"ExtentsOverflow",
     [](auto& m) {
       for (int i = 0; i < 3; ++i) weight(m).add_dims(int64_t{1} << 31);
     },
     "has more than 2^63 bytes"},
    {"ExtentsOverflowBesideAZero",
     [](auto& m) {
       weight(m).set_dims(0, 0);
       for (int i = 0; i < 3; ++i) weight(m).add_dims(int64_t{1} << 31);
     },
     "has more than 2^63 bytes"},
    {"RankHuge",
     [](auto& m) {
       for (int i = 0; i < 1000; ++i) weight(m).add_dims(1);
     },
     "initializer \"w\": a tensor of rank 1001"},
    {"DtypeUnknown", [](auto& m) { weight(m).set_data_type(12345); },
     "Add \"add\": \"w\" is a tensor of number 12345, which fovea lacks", ErrorCode::unsupported},
    {"DtypeNegative", [](auto& m) { weight(m).set_data_type(-1); }, "number -1", ErrorCode::unsupported},
    {"DtypeUndefined", [](auto& m) { weight(m).set_data_type(0); }, "UNDEFINED", ErrorCode::unsupported},
    {"DtypeString", [](auto& m) { weight(m).set_data_type(8); }, "Add \"add\": \"w\" is a tensor of STRING",
     ErrorCode::unsupported},
    {"DtypeEightBitFloat", [](auto& m) { weight(m).set_data_type(17); }, "FLOAT8E4M3FN", ErrorCode::unsupported},
    {"DtypeFourBitInteger", [](auto& m) { weight(m).set_data_type(22); }, "INT4", ErrorCode::unsupported},
    {"DtypeOfAnotherSize", [](auto& m) { weight(m).set_data_type(7); }, "raw_data has 8 bytes, but i64[2] needs 16"},
    {"SparseInitializer",
     [](auto& m) {
       graph(m).add_sparse_initializer()->mutable_values()->set_name("w");
       graph(m).clear_initializer();
     },
     "Add \"add\": \"w\" is a sparse tensor", ErrorCode::unsupported},
    {"ExternalWithoutFolder", [](auto& m) { weight(m).set_data_location(1); },
     "initializer \"w\": external data without a usable location"},
    {"DefaultOfAnotherDtype",
     [](auto& m) {
       auto& input = *graph(m).add_input();
       input.set_name("w");
       input.mutable_type()->mutable_tensor_type()->set_elem_type(7);
     },
     "initializer \"w\": it is f32[2], but declared as i64"},
    {"DefaultOfAnotherShape",
     [](auto& m) {
       auto& input = *graph(m).add_input();
       input.set_name("w");
       input.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(3);
     },
     "initializer \"w\": it is f32[2], but declared as ?"},

    // ---- types of inputs and outputs
    {"InputExtentNegative", [](auto& m) { first_extent(m).set_dim_value(-2); }, "value \"x\": extent -2 is negative"},
    {"InputExtentsOverflow", [](auto& m) { first_extent(m).set_dim_value(kHuge); },
     "value \"x\": the extents' product overflows"},
    {"OutputExtentNegative",
     [](auto& m) {
       graph(m).mutable_output(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(-9);
     },
     "value \"y\": extent -9 is negative"},
    {"InputIsASequence", [](auto& m) { graph(m).mutable_input(0)->mutable_type()->mutable_sequence_type(); },
     "input \"x\": \"x\" is a sequence", ErrorCode::unsupported},
    {"InputIsAMap", [](auto& m) { graph(m).mutable_input(0)->mutable_type()->mutable_map_type(); },
     "input \"x\": \"x\" is a map", ErrorCode::unsupported},
    {"InputIsOptional", [](auto& m) { graph(m).mutable_input(0)->mutable_type()->mutable_optional_type(); },
     "an optional", ErrorCode::unsupported},
    {"InputIsSparse", [](auto& m) { graph(m).mutable_input(0)->mutable_type()->mutable_sparse_tensor_type(); },
     "a sparse tensor", ErrorCode::unsupported},
    {"InputOfStrings",
     [](auto& m) { graph(m).mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(8); },
     "input \"x\": a tensor of STRING, which fovea lacks", ErrorCode::unsupported},

    // ---- subgraphs
    {"BranchMissing",
     [](auto& m) {
       add_if(m, branch("a"), branch("b"));
       graph(m).mutable_node(2)->mutable_attribute()->RemoveLast();
     },
     "If \"if\": attribute \"else_branch\" is missing"},
    {"BranchIsNoGraph",
     [](auto& m) {
       add_if(m, branch("a"), branch("b"));
       auto& attribute = *graph(m).mutable_node(2)->mutable_attribute(0);
       attribute.set_type(2);
     },
     "If \"if\": attribute \"then_branch\" is missing or no graph"},
    {"BranchWithInputs",
     [](auto& m) {
       auto g = branch("a");
       g.add_input()->set_name("i");
       add_if(m, g, branch("b"));
     },
     "If \"if\": the then_branch has inputs"},
    {"BranchWithTooFewOutputs",
     [](auto& m) {
       auto g = branch("a");
       g.clear_output();
       add_if(m, branch("b"), g);
     },
     "If \"if\": the else_branch gives 0 of 1 outputs"},
    {"BranchWithTooManyOutputs",
     [](auto& m) {
       auto g = branch("a");
       g.add_output()->set_name("x");
       add_if(m, branch("b"), g);
     },
     "If \"if\": the else_branch gives 2 of 1 outputs"},
    {"IfWithoutCondition",
     [](auto& m) {
       add_if(m, branch("a"), branch("b"));
       graph(m).mutable_node(2)->clear_input();
     },
     "If \"if\": If takes one input"},
    {"NodeInABranchIsBad",
     [](auto& m) {
       auto g = branch("a");
       g.mutable_node(0)->set_name("inner");
       g.mutable_node(0)->add_input("x");
       add_if(m, g, branch("b"));
     },
     "If \"if\": attribute \"then_branch\": Neg \"inner\": 2 inputs"},
    {"BranchUsesWhatIsOnlyInTheOther",
     [](auto& m) {
       auto g = branch("b");
       g.mutable_node(0)->set_input(0, "a");
       add_if(m, branch("a"), g);
     },
     "attribute \"else_branch\": Neg making \"b\": value \"a\" does not exist"},
    {"BranchWithABadWeight",
     [](auto& m) {
       auto g = branch("a");
       g.add_initializer()->set_name("k");
       g.mutable_initializer(0)->set_data_type(1);
       g.mutable_initializer(0)->add_dims(2);
       add_if(m, g, branch("b"));
     },
     "attribute \"then_branch\": initializer \"k\": 0 numbers"},
    {"LoopWithoutBody",
     [](auto& m) {
       *graph(m).add_node() = make_node("Loop", {"x", "x"}, {"z"}, "loop");
     },
     "Loop \"loop\": attribute \"body\" is missing"},
    {"LoopWithoutInputs", [](auto& m) { *graph(m).add_node() = make_node("Loop", {}, {"z"}, "loop"); },
     "Loop \"loop\": Loop takes a trip count"},
    {"LoopBodyWithTooFewInputs",
     [](auto& m) {
       wire::Node& node = *graph(m).add_node();
       node = make_node("Loop", {"", ""}, {"z"}, "loop");
       node.add_input("x");
       node.add_attribute()->set_name("body");
       *node.mutable_attribute(0)->mutable_g() = branch("r");
     },
     "Loop \"loop\": the body has 0 inputs and 1 outputs, but 1 values are carried"},
    {"NestedTooDeep", [](auto& m) { add_if(m, nested(40), branch("b")); }, "subgraphs nest deeper than 32"},
};

class MalformedModel : public ::testing::TestWithParam<Fault> {};

TEST_P(MalformedModel, IsRefusedByName) {
  const Fault& fault = GetParam();
  const std::string bytes =
      changed(model_of("graph (f32[2,2] x) -> (y) { w = constant f32[2] {1, 2} s = Add@14(x, w) \"add\" "
                       "y = Softmax@14(s) {axis=-1} \"soft\" }"),
              fault.make);
  const auto graph = read_bytes(bytes);
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(graph.error().to_string(), HasSubstr(fault.message));
  EXPECT_EQ(graph.error().code, fault.code);
}

INSTANTIATE_TEST_SUITE_P(All, MalformedModel, ::testing::ValuesIn(kFaults),
                         [](const auto& info) { return std::string(info.param.name); });

/// A field's tag and length, then the payload.
std::string field(int number, const std::string& payload) {
  std::string out;
  for (uint64_t value : {static_cast<uint64_t>(number) << 3 | 2, static_cast<uint64_t>(payload.size())}) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
  }
  return out + payload;
}

TEST(MalformedModel, NestedTenThousandDeepIsRefused) {
  std::string graph;  // graph.node.attribute.g, again and again
  for (int i = 0; i < 10000; ++i) graph = field(1, field(5, field(6, graph)));
  const auto result = read_bytes(field(7, graph));
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().to_string(), HasSubstr("subgraphs nest deeper than 32"));
}

TEST(MalformedModel, WithTypesTenThousandDeepIsRefused) {
  std::string type;
  for (int i = 0; i < 10000; ++i) type = field(4, field(1, type));  // a sequence of sequences of ...
  const std::string bytes = field(7, field(11, field(1, "x") + field(2, type)));
  const auto result = read_bytes(bytes);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().to_string(), HasSubstr("\"x\" is a sequence"));
}

TEST(MalformedModel, ThatIsNoModelIsRefused) {
  for (const std::string& bytes :
       {std::string(), std::string(1000, '\0'), std::string(1000, '\xff'), std::string("\x89PNG\r\n\x1a\n", 8),
        std::string("GIF89a"), std::string("\x7f") + "ELF"}) {
    const auto result = read_bytes(bytes);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::invalid_model);
  }
}

}  // namespace
}  // namespace fovea::onnx
