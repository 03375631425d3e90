// Forward maps of any kind, and those that need no equation: linear ones and a user's functions.
#include "m4dl/model/linear.hpp"
#include "models.hpp"
#include "python_model.hpp"

namespace m4dl::bind {
namespace {

Threads where(const AnyModel& model) {
    return model.threaded() ? Threads::kInsideBlocks : Threads::kAcrossBlocks;
}

Array forward(const AnyModel& model, const Array& theta, int threads) {
    const Index rows = batch_rows("theta", theta, model.parameters());
    Array out({rows, model.outputs()});
    over_lanes(
        rows, {&theta}, {&out}, threads,
        [&](Index first, Index count, const auto& in, auto& to) {
            model.work({first, count})->forward(in[0], to[0]);
        },
        where(model));
    return out;
}

Array iterations(const AnyModel& model, const Array& theta, int threads) {
    const Index rows = batch_rows("theta", theta, model.parameters());
    Array out(rows);
    over_lanes(
        rows, {&theta}, {&out}, threads,
        [&](Index first, Index count, const auto& in, auto& to) {
            const auto work = model.work({first, count});
            Block y = Block::Zero(model.outputs(), kLanes);
            work->forward(in[0], y);
            to[0].row(0) = work->iterations();
        },
        where(model));
    return out;
}

// G'(theta)* of a sensitivity (adjoint) or G'(theta) of a tangent, row by row.
Array derivative(const AnyModel& model, const Array& theta, const Array& direction, bool adjoint,
                 int threads) {
    require(adjoint ? model.has_pull() : model.has_push(), "this model has no ",
            adjoint ? "pull (gradient)" : "push (tangent)");
    const Index rows = batch_rows("theta", theta, model.parameters());
    const Index size = adjoint ? model.outputs() : model.parameters();
    require(batch_rows(adjoint ? "sensitivity" : "tangent", direction, size) == rows,
            "both arguments must have ", rows, " rows");
    Array out({rows, adjoint ? model.parameters() : model.outputs()});
    over_lanes(
        rows, {&theta, &direction}, {&out}, threads,
        [&](Index first, Index count, const auto& in, auto& to) {
            const auto work = model.work({first, count});
            Block y = Block::Zero(model.outputs(), kLanes);
            work->forward(in[0], y);
            if (adjoint)
                work->pull(in[1], to[0]);
            else
                work->push(in[1], to[0]);
        },
        where(model));
    return out;
}

}  // namespace

void bind_models(py::module_& m) {
    py::class_<AnyModel>(m, "Model")
        .def_property_readonly("parameters", &AnyModel::parameters)
        .def_property_readonly("outputs", &AnyModel::outputs)
        .def_property_readonly("has_pull", &AnyModel::has_pull)
        .def_property_readonly("has_push", &AnyModel::has_push)
        .def_property_readonly("solver", &AnyModel::solver)
        .def("forward", &forward, "theta"_a, "threads"_a = 0)
        .def("iterations", &iterations, "theta"_a, "threads"_a = 0)
        .def(
            "pull",
            [](const AnyModel& model, const Array& theta, const Array& sensitivity, int threads) {
                return derivative(model, theta, sensitivity, true, threads);
            },
            "theta"_a, "sensitivity"_a, "threads"_a = 0)
        .def(
            "push",
            [](const AnyModel& model, const Array& theta, const Array& tangent, int threads) {
                return derivative(model, theta, tangent, false, threads);
            },
            "theta"_a, "tangent"_a, "threads"_a = 0);
    m.def(
        "linear_dense", [](const Array& matrix) { return make<LinearModel>(to_matrix(matrix)); },
        "matrix"_a);
    m.def(
        "linear_sparse",
        [](const Triplets& matrix) { return make<SparseLinearModel>(matrix.compressed()); },
        "matrix"_a);
    m.def(
        "python_model",
        [](py::function f, std::optional<py::function> gradient, Index parameters, Index outputs,
           bool batched) {
            return make<PythonModel>(std::move(f), std::move(gradient), parameters, outputs,
                                     batched);
        },
        "forward"_a, "gradient"_a, py::kw_only(), "parameters"_a, "outputs"_a, "batched"_a);
}

}  // namespace m4dl::bind
