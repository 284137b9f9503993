// Functions of a model: inlined when it is read.
#include <gmock/gmock.h>

#include "onnx/test_model.h"

namespace fovea::onnx {
namespace {

using ::testing::HasSubstr;

/// A model y = my.F(x) with these functions; F is the first.
std::string with_functions(const std::vector<wire::Function>& functions,
                           const std::function<void(wire::Model&)>& change = {}) {
  return changed(model_of("graph (f32[2] x) -> (y) { y = Relu@14(x) \"call\" }"), [&](wire::Model& m) {
    m.mutable_graph()->mutable_node(0)->set_domain("my");
    m.mutable_graph()->mutable_node(0)->set_op_type("F");
    for (const wire::Function& f : functions) *m.add_functions() = f;
    if (change) change(m);
  });
}

wire::Function function(std::string_view name, std::initializer_list<std::string> inputs,
                        std::initializer_list<std::string> outputs, std::initializer_list<wire::Node> nodes) {
  wire::Function f;
  f.set_domain("my");
  f.set_name(std::string(name));
  for (const std::string& i : inputs) f.add_input(i);
  for (const std::string& o : outputs) f.add_output(o);
  for (const wire::Node& n : nodes) *f.add_node() = n;
  wire::OperatorSet& import = *f.add_opset_import();
  import.set_version(13);
  return f;
}

wire::Node call(std::string_view name, std::initializer_list<std::string> inputs,
                std::initializer_list<std::string> outputs, std::string_view node_name = "") {
  wire::Node node = make_node(name, inputs, outputs, node_name);
  node.set_domain("my");
  return node;
}

wire::Attribute reference(std::string_view name, std::string_view to) {
  wire::Attribute a;
  a.set_name(std::string(name));
  a.set_ref_attr_name(std::string(to));
  a.set_type(2);
  return a;
}

wire::Attribute integer(std::string_view name, int64_t value) {
  wire::Attribute a;
  a.set_name(std::string(name));
  a.set_type(2);
  a.set_i(value);
  return a;
}

std::string refusal(const std::string& bytes) {
  const auto graph = read_bytes(bytes);
  return graph ? "no error" : graph.error().to_string();
}

TEST(Functions, AreInlinedWithTheirOwnOpset) {
  const auto f = function("F", {"a"}, {"b"}, {make_node("Neg", {"a"}, {"t"}, "neg"), make_node("Abs", {"t"}, {"b"})});
  EXPECT_EQ(print(read_or_fail(with_functions({f}))), R"(graph graph (f32[2] x) -> (y) {
  call/t = Neg@13(x) "call/neg"
  y = Abs@13(call/t)
}
)");
}

TEST(Functions, MayCallEachOtherTwice) {
  const auto f = function("F", {"a"}, {"b"}, {call("G", {"a"}, {"t"}, "g"), call("G", {"t"}, {"b"}, "g")});
  const auto g = function("G", {"a"}, {"b"}, {make_node("Neg", {"a"}, {"n"}), make_node("Abs", {"n"}, {"b"})});
  EXPECT_EQ(print(read_or_fail(with_functions({f, g}))), R"(graph graph (f32[2] x) -> (y) {
  call/g/n = Neg@13(x)
  call/t = Abs@13(call/g/n)
  call/g.2/n = Neg@13(call/t)
  y = Abs@13(call/g.2/n)
}
)");
}

TEST(Functions, HandAttributesThroughAndFillInDefaults) {
  wire::Node soft = make_node("Softmax", {"a"}, {"b"});
  *soft.add_attribute() = reference("axis", "k");
  auto g = function("G", {"a"}, {"b"}, {soft});
  g.add_attribute("k");
  wire::Node inner = call("G", {"a"}, {"b"});
  *inner.add_attribute() = reference("k", "outer_k");
  auto f = function("F", {"a"}, {"b"}, {inner});
  *f.add_attribute_proto() = integer("outer_k", 0);
  const auto axis = [](const Graph& graph) {
    const auto* value = graph.node(graph.order()[0]).attribute<int64_t>("axis");
    return value ? *value : -99;
  };
  EXPECT_EQ(axis(read_or_fail(with_functions({f, g}))), 0);
  EXPECT_EQ(
      axis(read_or_fail(with_functions(
          {f, g},
          [](wire::Model& m) { *m.mutable_graph()->mutable_node(0)->add_attribute() = integer("outer_k", -1); }))),
      -1);
  // Without a default the attribute is simply not there.
  f.clear_attribute_proto();
  EXPECT_EQ(axis(read_or_fail(with_functions({f, g}))), -99);
}

TEST(Functions, LeaveOutInputsAndOutputs) {
  const auto f = function("F", {"a", "low", "high"}, {"b", "extra"},
                          {make_node("Clip", {"a", "low", "high"}, {"b"}), make_node("Neg", {"a"}, {"extra"})});
  const Graph graph = read_or_fail(with_functions({f}));
  EXPECT_EQ(graph.node(graph.order()[0]).inputs, (std::vector<ValueId>{graph.inputs[0]}));
}

TEST(Functions, MayHandAnInputThrough) {
  EXPECT_EQ(print(read_or_fail(with_functions({function("F", {"a"}, {"a"}, {})}))),
            "graph graph (f32[2] x) -> (y) {\n  y = Identity@13(x)\n}\n");
}

TEST(Functions, GiveTheirSubgraphsTheirNames) {
  wire::Node branch = make_node("If", {"c"}, {"b"});
  for (const char* name : {"then_branch", "else_branch"}) {
    wire::Attribute& attribute = *branch.add_attribute();
    attribute.set_name(name);
    *attribute.mutable_g()->add_node() = make_node("Neg", {"a"}, {"r"});
    attribute.mutable_g()->add_output()->set_name("r");
  }
  const auto f = function("F", {"a"}, {"b"}, {make_node("Cast", {"a"}, {"c"}), branch});
  const std::string bytes = with_functions(
      {f}, [](wire::Model& m) { *m.mutable_functions(0)->mutable_node(0)->add_attribute() = integer("to", 9); });
  EXPECT_EQ(print(read_or_fail(bytes)), R"(graph graph (f32[2] x) -> (y) {
  call/c = Cast@13(x) {to=9}
  y = If@13(call/c) {
    else_branch=graph [x]() -> (call/r) {
      call/r = Neg@13(x)
    },
    then_branch=graph [x]() -> (call/r) {
      call/r = Neg@13(x)
    }
  }
}
)");
}

TEST(Functions, ThatCallThemselvesAreRefused) {
  EXPECT_THAT(refusal(with_functions({function("F", {"a"}, {"b"}, {call("F", {"a"}, {"b"}, "again")})})),
              HasSubstr("my.F \"call/again\": function my.F calls itself"));
  const auto f = function("F", {"a"}, {"b"}, {call("G", {"a"}, {"b"})});
  const auto g = function("G", {"a"}, {"b"}, {call("F", {"a"}, {"b"})});
  EXPECT_THAT(refusal(with_functions({f, g})), HasSubstr("calls itself"));
}

TEST(Functions, ThatMultiplyWithoutEndAreRefused) {
  std::vector<wire::Function> functions;
  const auto name = [](int i) { return i == 0 ? std::string("F") : "F" + std::to_string(i); };
  for (int i = 0; i < 40; ++i)
    functions.push_back(
        function(name(i), {"a"}, {"b"}, {call(name(i + 1), {"a"}, {"t"}), call(name(i + 1), {"t"}, {"b"})}));
  functions.push_back(function(name(40), {"a"}, {"b"}, {make_node("Neg", {"a"}, {"b"})}));
  EXPECT_THAT(refusal(with_functions(functions)), HasSubstr("inlined"));
}

TEST(Functions, ThatAreWrongAreRefusedByName) {
  const auto neg = make_node("Neg", {"a"}, {"b"});
  EXPECT_THAT(refusal(with_functions({function("F", {"a"}, {"b"}, {neg}), function("F", {"a"}, {"b"}, {neg})})),
              HasSubstr("function my.F: it is defined twice"));
  EXPECT_THAT(refusal(with_functions({function("F", {}, {"b"}, {neg})})),
              HasSubstr("1 inputs and 1 outputs, but function"));
  EXPECT_THAT(refusal(with_functions({function("F", {"a", "a"}, {"b"}, {neg})})), HasSubstr("two inputs \"a\""));
  EXPECT_THAT(refusal(with_functions({function("F", {"a"}, {"c"}, {neg})})), HasSubstr("makes no value \"c\""));
  EXPECT_THAT(refusal(with_functions({function("F", {"a"}, {"b"}, {make_node("Neg", {"x"}, {"b"})})})),
              HasSubstr("value \"x\" does not exist"));
}

}  // namespace
}  // namespace fovea::onnx
