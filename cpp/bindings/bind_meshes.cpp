// Meshes that models live on.
#include "arrays.hpp"
#include "m4dl/fem/conforming.hpp"
#include "m4dl/fem/grid.hpp"

namespace m4dl::bind {
namespace {

using namespace pybind11::literals;

// Nodes and weights at each point, (points, entries) each; all weights are 0 where no cell holds it.
template <class Mesh>
py::tuple interpolate(const Mesh& mesh, const Array& points, Index entries) {
    const std::vector<Weights> found = mesh.interpolate(to_matrix(points));
    const auto count = static_cast<Index>(found.size());
    Integers node({count, entries});
    Array weight({count, entries});
    std::fill_n(node.mutable_data(), node.size(), 0);
    std::fill_n(weight.mutable_data(), weight.size(), 0.0);
    for (Index p = 0; p < count; ++p)
        for (std::size_t e = 0; e < found[p].size(); ++e) {
            node.mutable_data()[p * entries + static_cast<Index>(e)] = found[p][e].first;
            weight.mutable_data()[p * entries + static_cast<Index>(e)] = found[p][e].second;
        }
    return py::make_tuple(node, weight);
}

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
}

}  // namespace

void bind_meshes(py::module_& m) {
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
    bind_simplices<2>(m, "TriangleMesh");
    bind_simplices<3>(m, "TetrahedronMesh");
}

}  // namespace m4dl::bind
