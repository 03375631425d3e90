// Forward maps and the meshes they live on.
#include "m4dl/fem/conforming.hpp"
#include "m4dl/model/darcy.hpp"
#include "m4dl/model/linear.hpp"
#include "m4dl/model/schrodinger.hpp"
#include "m4dl/solve/semidefinite.hpp"
#include "models.hpp"
#include "python_model.hpp"

namespace m4dl::bind {
namespace {

SolverOptions make_options(const std::string& solver, double tolerance) {
    using Kind = SolverOptions::Kind;
    const std::map<std::string, Kind> kinds{{"auto", Kind::kAutomatic},
                                            {"direct", Kind::kDirect},
                                            {"frozen", Kind::kFrozen},
                                            {"aggregation", Kind::kAggregation},
                                            {"multigrid", Kind::kMultigrid}};
    const auto it = kinds.find(solver);
    require(it != kinds.end(),
            "solver must be 'auto', 'direct', 'frozen', 'aggregation' or "
            "'multigrid', got '",
            solver, "'");
    return {it->second, tolerance};
}

Threads where(const AnyModel& model) {
    return model.threaded() ? Threads::kInsideBlocks : Threads::kAcrossBlocks;
}

// y = f(theta) and the like over a batch. `third` is the second input of pull and push.
Array forward(const AnyModel& model, const Array& theta, int threads) {
    const Index rows = batch_rows("theta", theta, model.parameters());
    Array out({rows, model.outputs()});
    double* to = out.mutable_data();
    for_lanes(
        rows, threads,
        [&](Index first, Index count) {
            auto work = model.work({first, count});
            Block t, y = Block::Zero(model.outputs(), kLanes);
            load_lanes(theta, first, count, t);
            work->forward(t, y);
            store_lanes(y, first, count, to);
        },
        where(model));
    return out;
}

Array iterations(const AnyModel& model, const Array& theta, int threads) {
    const Index rows = batch_rows("theta", theta, model.parameters());
    Array out(rows);
    double* to = out.mutable_data();
    for_lanes(
        rows, threads,
        [&](Index first, Index count) {
            auto work = model.work({first, count});
            Block t, y = Block::Zero(model.outputs(), kLanes);
            load_lanes(theta, first, count, t);
            work->forward(t, y);
            const Lanes n = work->iterations();
            std::copy_n(n.data(), count, to + first);
        },
        where(model));
    return out;
}

Array derivative(const AnyModel& model, const Array& theta, const Array& direction, bool adjoint,
                 int threads) {
    require(adjoint ? model.has_pull() : model.has_push(), "this model has no ",
            adjoint ? "pull (gradient)" : "push (tangent)");
    const Index rows = batch_rows("theta", theta, model.parameters());
    const Index in = adjoint ? model.outputs() : model.parameters();
    const Index size = adjoint ? model.parameters() : model.outputs();
    require(batch_rows(adjoint ? "sensitivity" : "tangent", direction, in) == rows,
            "both arguments must have ", rows, " rows");
    Array out({rows, size});
    double* to = out.mutable_data();
    for_lanes(
        rows, threads,
        [&](Index first, Index count) {
            auto work = model.work({first, count});
            Block t, d, y = Block::Zero(model.outputs(), kLanes),
                        result = Block::Zero(size, kLanes);
            load_lanes(theta, first, count, t);
            load_lanes(direction, first, count, d);
            work->forward(t, y);
            if (adjoint)
                work->pull(d, result);
            else
                work->push(d, result);
            store_lanes(result, first, count, to);
        },
        where(model));
    return out;
}

// Matrices come as parallel arrays (row, column, value), the terms with a parameter index too; of
// the symmetric ones the lower triangle alone.
AnyModel affine_elliptic(Index unknowns, Index parameters, const Integers& a_row,
                         const Integers& a_column, const Array& a_value, const Integers& t_row,
                         const Integers& t_column, const Integers& t_parameter,
                         const Array& t_value, const Array& load, const Integers& b_row,
                         const Integers& b_parameter, const Array& b_value, Index points,
                         const Integers& o_row, const Integers& o_column, const Array& o_value,
                         const Array& offset, const Array& coordinates, const std::string& link,
                         double floor, const std::string& solver, double tolerance) {
    AffineSystem s;
    auto entries = to_entries(a_row, a_column, a_value);
    const auto terms = to_entries(t_row, t_column, t_value);
    require(t_parameter.size() == t_value.size(), "terms must have a parameter each");
    for (const Entry& e : terms) entries.push_back({e.row, e.column, 0.0});  // a place in A
    LowerMatrix a = lower_matrix(unknowns, entries);
    s.pattern = std::move(a.pattern);
    s.a0 = std::move(a.values);
    std::vector<Entry> t;
    for (std::size_t k = 0; k < terms.size(); ++k)
        t.push_back(
            {s.pattern.find(terms[k].row, terms[k].column), t_parameter.data()[k], terms[k].value});
    s.terms = SparseRows(s.pattern.nonzeros(), parameters, std::move(t));
    const Matrix loads = to_matrix(load), offsets = to_matrix(offset);
    require(loads.cols() == offsets.cols(), "one offset per right-hand side");
    const SparseRows load_terms(unknowns, parameters, to_entries(b_row, b_parameter, b_value));
    for (Index r = 0; r < loads.cols(); ++r) {
        s.load.emplace_back(loads.col(r));
        s.offset.emplace_back(offsets.col(r));
        if (load_terms.nonzeros() > 0) s.load_terms.push_back(load_terms);
    }
    s.observe = SparseRows(points, unknowns, to_entries(o_row, o_column, o_value));
    s.coordinates = to_matrix(coordinates);
    s.semidefinite = parts_are_semidefinite(s.pattern, s.a0, s.terms);
    return make<AffineElliptic>(std::move(s), make_link(link, floor),
                                make_options(solver, tolerance));
}

// A mesh of simplices, and the models on it as overloads of one name.
template <int D>
void bind_simplices(py::module_& m, const char* name) {
    using Mesh = SimplexMesh<D>;
    py::class_<Mesh>(m, name)
        .def(py::init([](const Array& points, const Integers& cells) {
                 require(points.ndim() == 2 && points.shape(1) == D && cells.ndim() == 2 &&
                             cells.shape(1) == D + 1,
                         "points must have ", D, " columns and cells ", D + 1);
                 std::vector<typename Mesh::Cell> nodes(static_cast<std::size_t>(cells.shape(0)));
                 for (std::size_t k = 0; k < nodes.size(); ++k)
                     std::copy_n(cells.data() + k * (D + 1), D + 1, nodes[k].begin());
                 Mesh mesh(to_matrix(points), std::move(nodes));
                 ConformityCheck<D>(mesh).run();
                 return mesh;
             }),
             "points"_a, "cells"_a)
        .def("boundary", &Mesh::boundary)
        .def(
            "interpolate",
            [](const Mesh& mesh, const Array& points) { return interpolate(mesh, points, D + 1); },
            "points"_a, "Nodes and weights, (points, d + 1); weights 0 outside the mesh.");
    m.def(
        "schrodinger_simplices",
        [](const Mesh& mesh, const Array& points, const Array& boundary, const std::string& link,
           double floor, const std::string& solver, double tolerance) {
            return make<Schrodinger>(mesh, to_matrix(points), to_vector(boundary),
                                     make_link(link, floor), make_options(solver, tolerance));
        },
        "mesh"_a, "points"_a, "boundary"_a, "link"_a, "floor"_a, "solver"_a, "tolerance"_a);
    m.def(
        "darcy_simplices",
        [](const Mesh& mesh, const Array& points, const Array& source, const Array& boundary,
           bool on_nodes, const std::string& link, double floor, const std::string& solver,
           double tolerance) {
            return make<Darcy>(mesh, to_matrix(points), to_vector(source), to_vector(boundary),
                               on_nodes ? Darcy::on_nodes(mesh) : Darcy::on_cells(mesh),
                               make_link(link, floor), make_options(solver, tolerance));
        },
        "mesh"_a, "points"_a, "source"_a, "boundary"_a, "on_nodes"_a, "link"_a, "floor"_a,
        "solver"_a, "tolerance"_a);
}

}  // namespace

void bind_models(py::module_& m) {
    py::class_<Grid>(m, "Grid")
        .def(py::init([](const std::vector<Index>& cells, const std::vector<double>& low,
                         const std::vector<double>& high) {
                 require(
                     !cells.empty() && low.size() == cells.size() && high.size() == cells.size(),
                     "cells, low and high must have as many axes");
                 return Grid{cells, low, high};
             }),
             "cells"_a, "low"_a, "high"_a)
        .def(
            "interpolate",
            [](const Grid& grid, const Array& points) {
                return interpolate(grid, points, grid.corners());
            },
            "points"_a, "Nodes and weights, (points, 2^d).");
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
        "schrodinger_grid",
        [](const Grid& grid, const Array& points, const Array& boundary, bool all_nodes,
           const std::string& link, double floor, const std::string& solver, double tolerance) {
            return make<Schrodinger>(grid, to_matrix(points), to_vector(boundary), all_nodes,
                                     make_link(link, floor), make_options(solver, tolerance));
        },
        "grid"_a, "points"_a, "boundary"_a, "all_nodes"_a, "link"_a, "floor"_a, "solver"_a,
        "tolerance"_a);
    m.def(
        "darcy_grid",
        [](const Grid& grid, const Array& points, const Array& source, const Array& boundary,
           const std::vector<Index>& blocks, const std::string& link, double floor,
           const std::string& solver, double tolerance) {
            return make<Darcy>(
                grid, to_matrix(points), to_vector(source), to_vector(boundary),
                blocks.empty() ? Darcy::on_nodes(grid) : Darcy::on_blocks(grid, blocks),
                make_link(link, floor), make_options(solver, tolerance));
        },
        "grid"_a, "points"_a, "source"_a, "boundary"_a, "blocks"_a, "link"_a, "floor"_a, "solver"_a,
        "tolerance"_a, "An empty list of blocks: coefficient at the nodes.");
    bind_simplices<2>(m, "TriangleMesh");
    bind_simplices<3>(m, "TetrahedronMesh");
    m.def("affine_elliptic", &affine_elliptic, "unknowns"_a, "parameters"_a, "a_row"_a,
          "a_column"_a, "a_value"_a, "t_row"_a, "t_column"_a, "t_parameter"_a, "t_value"_a,
          "load"_a, "b_row"_a, "b_parameter"_a, "b_value"_a, "points"_a, "o_row"_a, "o_column"_a,
          "o_value"_a, "offset"_a, "coordinates"_a, "link"_a, "floor"_a, "solver"_a, "tolerance"_a);
    m.def(
        "linear_dense", [](const Array& matrix) { return make<LinearModel>(to_matrix(matrix)); },
        "matrix"_a);
    m.def(
        "linear_sparse",
        [](Index rows, Index columns, const Integers& row, const Integers& column,
           const Array& value) {
            return make<SparseLinearModel>(
                SparseRows(rows, columns, to_entries(row, column, value)));
        },
        "rows"_a, "columns"_a, "row"_a, "column"_a, "value"_a);
    m.def(
        "python_model",
        [](py::function f, std::optional<py::function> gradient, Index parameters, Index outputs,
           bool batched) {
            return make<PythonModel>(std::move(f), std::move(gradient), parameters, outputs,
                                     batched);
        },
        "forward"_a, "gradient"_a, "parameters"_a, "outputs"_a, "batched"_a);
}

}  // namespace m4dl::bind
