#include "onnx/read.h"

#include <cstring>

#include <gmock/gmock.h>

#include "onnx/test_model.h"

namespace fovea::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string& base_model() {
  static const std::string bytes = model_of(R"(graph net (f32[n,2] x) -> (y) {
    w = constant f32[2] {1, 2}
    s = Add@14(x, w) "add"
    y = Softmax@14(s) {axis=-1} "soft"
  })");
  return bytes;
}

TEST(ReadModel, GivesEveryNodeTheVersionOfItsDomain) {
  const Graph graph = read_or_fail(changed(base_model(), [](wire::Model& m) {
    m.mutable_opset_import(0)->set_domain("ai.onnx");
    m.mutable_opset_import(0)->set_version(11);
    m.mutable_graph()->mutable_node(1)->set_domain("ai.onnx");
  }));
  for (NodeId id : graph.order()) {
    EXPECT_EQ(graph.node(id).opset, 11);
    EXPECT_EQ(graph.node(id).domain, "");
  }
  EXPECT_EQ(to_string(graph.value(graph.inputs[0]).type), "f32[n,2]");
}

TEST(ReadModel, PutsNodesIntoOrder) {
  const Graph graph = read_or_fail(
      changed(base_model(), [](wire::Model& m) { m.mutable_graph()->mutable_node()->SwapElements(0, 1); }));
  EXPECT_EQ(graph.node(graph.order()[0]).name, "add");
}

TEST(ReadModel, TakesInitializersOfOldModelsForConstants) {
  const auto with_input = [](int ir_version) {
    return changed(base_model(), [=](wire::Model& m) {
      m.set_ir_version(ir_version);
      m.mutable_graph()->add_input()->set_name("w");
    });
  };
  EXPECT_THAT(read_or_fail(with_input(3)).inputs, SizeIs(1));
  const Graph newer = read_or_fail(with_input(4));
  ASSERT_THAT(newer.inputs, SizeIs(2));
  EXPECT_NE(newer.constant(newer.inputs[1]), nullptr);  // a default
}

TEST(ReadModel, TurnsConstantNodesIntoConstants) {
  const Graph graph = read_or_fail(changed(base_model(), [](wire::Model& m) {
    wire::Node& node = *m.mutable_graph()->add_node();
    node = make_node("Constant", {}, {"c"});
    wire::Attribute& value = *node.add_attribute();
    value.set_name("value_ints");
    value.set_type(7);
    value.add_ints(7);
    value.add_ints(8);
    m.mutable_graph()->add_output()->set_name("c");
  }));
  EXPECT_THAT(graph.order(), SizeIs(2));
  EXPECT_THAT(graph.constant(graph.outputs[1])->values<int64_t>(), ElementsAre(7, 8));
}

/// y = DequantizeLinear(w, scale, z) with w of 4 bits; `change` gets w.
std::string four_bits(int32_t type, const std::function<void(wire::Tensor&)>& change) {
  return changed(base_model(), [&](wire::Model& m) {
    auto& graph = *m.mutable_graph();
    for (const char* name : {"q", "z", "scale"}) {
      wire::Tensor& tensor = *graph.add_initializer();
      tensor.set_name(name);
      tensor.set_data_type(type);
    }
    graph.mutable_initializer(1)->add_dims(5);
    graph.mutable_initializer(1)->set_raw_data(std::string("\x21\x87\x0f", 3));
    graph.mutable_initializer(2)->add_int32_data(0x0f);
    graph.mutable_initializer(3)->set_data_type(1);
    graph.mutable_initializer(3)->add_float_data(0.5f);
    change(*graph.mutable_initializer(1));
    *graph.add_node() = make_node("DequantizeLinear", {"q", "scale", "z"}, {"wide"});
    graph.add_output()->set_name("wide");
  });
}

TEST(ReadModel, TakesIntegersOfFourBitsWhereTheyAreDequantised) {
  const auto nothing = [](wire::Tensor&) {};
  const Graph with_sign = read_or_fail(four_bits(22, nothing)), without = read_or_fail(four_bits(21, nothing));
  const auto operand = [](const Graph& g, size_t i) {
    return *g.constant(g.node(g.value(g.outputs[1]).producer).inputs[i]);
  };
  EXPECT_THAT(operand(with_sign, 0).values<int8_t>(), ElementsAre(1, 2, 7, -8, -1));
  EXPECT_THAT(operand(with_sign, 2).values<int8_t>(), ElementsAre(-1));
  EXPECT_THAT(operand(without, 0).values<uint8_t>(), ElementsAre(1, 2, 7, 8, 15));
  EXPECT_THAT(operand(without, 2).values<uint8_t>(), ElementsAre(15));
}

TEST(ReadModel, WidensIntegersOfFourBitsOnceForAllUsers) {
  const Graph graph = read_or_fail(changed(four_bits(22, [](wire::Tensor&) {}), [](wire::Model& m) {
    *m.mutable_graph()->add_node() = make_node("DequantizeLinear", {"q", "scale", "z"}, {"again"});
    m.mutable_graph()->add_output()->set_name("again");
  }));
  const auto& first = graph.node(graph.value(graph.outputs[1]).producer);
  const auto& second = graph.node(graph.value(graph.outputs[2]).producer);
  EXPECT_EQ(first.inputs, second.inputs);
}

TEST(ReadModel, RefusesIntegersOfFourBitsOfAnotherSizeAndElsewhere) {
  const auto error = [](const std::string& bytes) { return read_bytes(bytes).error().to_string(); };
  EXPECT_THAT(error(four_bits(22, [](wire::Tensor& t) { t.set_dims(0, 7); })), HasSubstr("raw_data has 3 bytes"));
  EXPECT_THAT(error(four_bits(22, [](wire::Tensor& t) { t.set_dims(0, -1); })), HasSubstr("initializer \"q\""));
  EXPECT_THAT(error(four_bits(22, [](wire::Tensor& t) { t.set_dims(0, int64_t{1} << 62); })),
              HasSubstr("raw_data has 3 bytes"));
  EXPECT_THAT(
      error(changed(four_bits(22, [](wire::Tensor&) {}),
                    [](wire::Model& m) { *m.mutable_graph()->add_node() = make_node("Neg", {"q"}, {"n"}, "other"); })),
      HasSubstr("Neg \"other\": \"q\" is a tensor of INT4"));
}

TEST(ReadModel, ListsAllThatItLacksWhenAsked) {
  const std::string bytes = changed(base_model(), [](wire::Model& m) {
    *m.mutable_graph()->add_node() = make_node("Imagined", {"y"}, {"a"}, "first");
    *m.mutable_graph()->add_node() = make_node("Imagined", {"a"}, {"b"}, "second");
    wire::Tensor& strings = *m.mutable_graph()->add_initializer();
    strings.set_name("words");
    strings.set_data_type(8);
    *m.mutable_graph()->add_node() = make_node("Relu", {"words"}, {"c"}, "third");
    m.mutable_graph()->add_output()->set_name("b");
  });
  const auto refused = read_bytes(bytes);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_THAT(refused.error().to_string(),
              HasSubstr("Imagined \"first\": operator Imagined of opset 14 is not one that fovea has (2 more"));
  std::vector<Error> lacking;
  const auto graph = read_bytes(bytes, {.unsupported = &lacking});
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  EXPECT_THAT(graph->order(), SizeIs(5));
  ASSERT_THAT(lacking, SizeIs(3));
  EXPECT_EQ(lacking[2].to_string(), "Relu \"third\": \"words\" is a tensor of STRING, which fovea lacks");
}

TEST(ReadModel, MindsNoTensorOfATypeThatItLacksUnlessItIsUsed) {
  read_or_fail(changed(base_model(), [](wire::Model& m) {
    wire::Tensor& strings = *m.mutable_graph()->add_initializer();
    strings.set_name("words");
    strings.set_data_type(8);
  }));
}

TEST(ReadModel, LetsSubgraphsUseWhatIsAroundThem) {
  wire::Graph branch;
  *branch.add_node() = make_node("Add", {"s", "w"}, {"r"});
  branch.add_output()->set_name("r");
  wire::Graph outer_branch;  // an If in an If: "s" is captured twice
  *outer_branch.add_node() = make_node("If", {"flag"}, {"q"});
  for (const char* name : {"then_branch", "else_branch"}) {
    wire::Attribute& attribute = *outer_branch.mutable_node(0)->add_attribute();
    attribute.set_name(name);
    *attribute.mutable_g() = branch;
  }
  outer_branch.add_output()->set_name("q");
  const Graph graph = read_or_fail(changed(base_model(), [&](wire::Model& m) {
    m.mutable_graph()->add_input()->set_name("flag");
    wire::Node& node = *m.mutable_graph()->add_node();
    node = make_node("If", {"flag"}, {"out"});
    for (const char* name : {"then_branch", "else_branch"}) {
      wire::Attribute& attribute = *node.add_attribute();
      attribute.set_name(name);
      *attribute.mutable_g() = outer_branch;
    }
    m.mutable_graph()->add_output()->set_name("out");
  }));
  const Node& node = graph.node(graph.order().back());
  std::vector<std::string> names;
  for (ValueId id : node.captures) names.push_back(graph.value(id).name);
  EXPECT_THAT(names, ElementsAre("flag", "s", "w"));
}

// ---- tensors

wire::Tensor tensor(int32_t number, std::vector<int64_t> dims) {
  wire::Tensor t;
  t.set_data_type(number);
  for (int64_t d : dims) t.add_dims(d);
  return t;
}

Result<Tensor> read(const wire::Tensor& proto) {
  const std::string bytes = proto.SerializeAsString();
  const auto copy = std::make_shared<std::string>(bytes);
  return read_tensor(std::as_bytes(std::span(*copy)), copy);
}

TEST(ReadTensor, UnpacksSmallTypesFromInt32) {
  wire::Tensor half = tensor(10, {2});
  half.add_int32_data(0x3c00);
  half.add_int32_data(0xc000);
  EXPECT_THAT((*read(half)).values<f16>(), ElementsAre(f16(1.0f), f16(-2.0f)));
  wire::Tensor brain = tensor(16, {});
  brain.add_int32_data(0x3f80);
  EXPECT_THAT((*read(brain)).values<bf16>(), ElementsAre(bf16(1.0f)));
  wire::Tensor bytes = tensor(3, {2});
  bytes.add_int32_data(-128);
  bytes.add_int32_data(127);
  EXPECT_THAT((*read(bytes)).values<int8_t>(), ElementsAre(-128, 127));
  wire::Tensor bools = tensor(9, {2});
  bools.add_int32_data(0);
  bools.add_int32_data(5);
  EXPECT_THAT((*read(bools)).values<bool>(), ElementsAre(false, true));
  wire::Tensor words = tensor(12, {1});
  words.add_uint64_data(4000000000u);
  EXPECT_THAT((*read(words)).values<uint32_t>(), ElementsAre(4000000000u));
}

TEST(ReadTensor, CopesWithAnyAlignment) {
  for (size_t pad = 0; pad < 8; ++pad) {
    wire::Tensor t = tensor(11, {2});
    t.set_name(std::string(pad, 'x'));
    const double values[] = {1.5, -2.5};
    t.set_raw_data(values, sizeof values);
    const auto got = read(t);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(got->raw()) % 8, 0u);
    EXPECT_THAT(got->values<double>(), ElementsAre(1.5, -2.5));
  }
}

TEST(ReadTensor, MakesBoolsOfOtherBytes) {
  wire::Tensor t = tensor(9, {3});
  t.set_raw_data(std::string("\x00\x02\xff", 3));
  EXPECT_THAT(read(t)->values<bool>(), ElementsAre(false, true, true));
}

TEST(ReadTensor, UsesAlignedBytesWhereTheyLie) {
  wire::Tensor t = tensor(3, {3});
  t.set_raw_data("abc");
  const auto file = std::make_shared<std::string>(t.SerializeAsString());
  const auto got = read_tensor(std::as_bytes(std::span(*file)), file);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->data<char>(), file->data() + file->find("abc"));
}

TEST(ReadTensor, KnowsEmptyTensors) {
  const auto got = read(tensor(1, {0, 5}));
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(got->values<float>(), IsEmpty());
  EXPECT_NE(got->raw(), nullptr);
}

TEST(ReadTensor, CannotBeToldToReadElsewhere) {
  // raw_offset and raw_size are fovea's own fields: a file that has them is not believed.
  wire::Tensor t = tensor(3, {3});
  t.set_raw_offset(1000);
  t.set_raw_size(3);
  const auto got = read(t);
  ASSERT_FALSE(got.ok());
  EXPECT_THAT(got.error().message, HasSubstr("0 numbers, but i8[3] has 3"));
}

}  // namespace
}  // namespace fovea::onnx
