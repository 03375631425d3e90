// Elliptic models, and how their coefficients and linear systems are made and solved.
#include "m4dl/model/darcy.hpp"
#include "m4dl/model/schrodinger.hpp"
#include "m4dl/solve/semidefinite.hpp"
#include "models.hpp"

namespace m4dl::bind {
namespace {

Link make_link(const std::string& kind, double floor) {
    if (kind == "identity") return {Link::Kind::kIdentity, floor};
    if (kind == "softplus") return {Link::Kind::kSoftplus, floor};
    require(kind == "exp", "link must be 'identity', 'exp' or 'softplus', got '", kind, "'");
    return {Link::Kind::kExp, floor};
}

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

// The lower triangles of A0 and of the terms A_k, whose entries have the index k each.
struct AffineParts {
    const Triplets &constant, &terms;
    const Integers& parameter;
    const Triplets& load_terms;
    const Array &load, &offset;
};

AffineSystem affine_system(const AffineParts& p) {
    AffineSystem s;
    const Index unknowns = p.constant.rows, parameters = p.load_terms.columns;
    auto entries = p.constant.entries();
    const auto terms = p.terms.entries();
    require(p.parameter.size() == static_cast<py::ssize_t>(terms.size()),
            "terms must have a parameter each");
    for (const Entry& e : terms) entries.push_back({e.row, e.column, 0.0});  // a place in A
    LowerMatrix a = lower_matrix(unknowns, entries);
    s.pattern = std::move(a.pattern);
    s.a0 = std::move(a.values);
    std::vector<Entry> t;
    for (std::size_t k = 0; k < terms.size(); ++k)
        t.push_back(
            {s.pattern.find(terms[k].row, terms[k].column), p.parameter.data()[k], terms[k].value});
    s.terms = SparseRows(s.pattern.nonzeros(), parameters, std::move(t));
    s.semidefinite = parts_are_semidefinite(s.pattern, s.a0, s.terms);
    const Matrix loads = to_matrix(p.load), offsets = to_matrix(p.offset);
    require(loads.cols() == offsets.cols(), "one offset per right-hand side");
    const SparseRows load_terms(unknowns, parameters, p.load_terms.entries());
    for (Index r = 0; r < loads.cols(); ++r) {
        s.load.emplace_back(loads.col(r));
        s.offset.emplace_back(offsets.col(r));
        if (load_terms.nonzeros() > 0) s.load_terms.push_back(load_terms);
    }
    return s;
}

template <int D>
void bind_on_simplices(py::module_& m) {
    using Mesh = SimplexMesh<D>;
    m.def(
        "schrodinger_simplices",
        [](const Mesh& mesh, const Array& points, const Array& boundary, const Link& link,
           const SolverOptions& solver) {
            return make<Schrodinger>(mesh, to_matrix(points), to_vector(boundary), link, solver);
        },
        "mesh"_a, "points"_a, py::kw_only(), "boundary"_a, "link"_a, "solver"_a);
    m.def(
        "darcy_simplices",
        [](const Mesh& mesh, const Array& points, const Array& source, const Array& boundary,
           bool on_nodes, const Link& link, const SolverOptions& solver) {
            return make<Darcy>(mesh, to_matrix(points), to_vector(source), to_vector(boundary),
                               on_nodes ? Darcy::on_nodes(mesh) : Darcy::on_cells(mesh), link,
                               solver);
        },
        "mesh"_a, "points"_a, py::kw_only(), "source"_a, "boundary"_a, "on_nodes"_a, "link"_a,
        "solver"_a);
}

}  // namespace

void bind_elliptic(py::module_& m) {
    py::class_<Link>(m, "Link")
        .def(py::init(&make_link), "kind"_a, "floor"_a)
        .def_readonly("floor", &Link::floor);
    py::class_<SolverOptions>(m, "SolverOptions")
        .def(py::init(&make_options), "kind"_a, "tolerance"_a);
    m.def(
        "schrodinger_grid",
        [](const Grid& grid, const Array& points, const Array& boundary, bool all_nodes,
           const Link& link, const SolverOptions& solver) {
            return make<Schrodinger>(grid, to_matrix(points), to_vector(boundary), all_nodes, link,
                                     solver);
        },
        "grid"_a, "points"_a, py::kw_only(), "boundary"_a, "all_nodes"_a, "link"_a, "solver"_a);
    m.def(
        "darcy_grid",
        [](const Grid& grid, const Array& points, const Array& source, const Array& boundary,
           const std::vector<Index>& blocks, const Link& link, const SolverOptions& solver) {
            return make<Darcy>(
                grid, to_matrix(points), to_vector(source), to_vector(boundary),
                blocks.empty() ? Darcy::on_nodes(grid) : Darcy::on_blocks(grid, blocks), link,
                solver);
        },
        "grid"_a, "points"_a, py::kw_only(), "source"_a, "boundary"_a, "blocks"_a, "link"_a,
        "solver"_a, "An empty list of blocks: coefficient at the nodes.");
    bind_on_simplices<2>(m);
    bind_on_simplices<3>(m);
    m.def(
        "affine_elliptic",
        [](const Triplets& constant, const Triplets& terms, const Integers& parameter,
           const Triplets& load_terms, const Array& load, const Array& offset,
           const Triplets& observe, const Array& coordinates, const Link& link,
           const SolverOptions& solver) {
            AffineSystem s = affine_system({constant, terms, parameter, load_terms, load, offset});
            s.observe = observe.compressed();
            s.coordinates = to_matrix(coordinates);
            return make<AffineElliptic>(std::move(s), link, solver);
        },
        py::kw_only(), "constant"_a, "terms"_a, "parameter"_a, "load_terms"_a, "load"_a, "offset"_a,
        "observe"_a, "coordinates"_a, "link"_a, "solver"_a,
        "Of symmetric matrices the lower triangles; parameter: of each entry of the terms.");
}

}  // namespace m4dl::bind
