// Steady Schroedinger equation: (1/2) Lap u - f u = 0 in O, u = g on the boundary, f = link(theta)
// (Nickl, J. Eur. Math. Soc. 2020, sec. 2). Solved as -(1/2) Lap u + f u = 0, positive definite.
#pragma once

#include "m4dl/fem/elements.hpp"
#include "m4dl/model/assembler.hpp"

namespace m4dl {

class Schrodinger : public AffineElliptic {
public:
    // Second-order differences (2 d + 1 points) on a grid; theta at all nodes or at the interior
    // ones (boundary values of f never enter). `boundary`: g at the nodes.
    Schrodinger(const Grid& grid, const Matrix& points, const Vector& boundary, bool all_nodes,
                Link link, const SolverOptions& options = {})
        : AffineElliptic(differences(grid, points, boundary, all_nodes), link, options) {}

    // P1 elements with a lumped potential term: f_i u_i |patch_i|/3; theta at the nodes.
    Schrodinger(const TriangleMesh& mesh, const Matrix& points, const Vector& boundary, Link link,
                const SolverOptions& options = {})
        : AffineElliptic(linear_elements(mesh, points, boundary), link, options) {}

private:
    static AffineSystem differences(const Grid& grid, const Matrix& points, const Vector& boundary,
                                    bool all_nodes) {
        const Index nodes = grid.node_count();
        std::vector<Index> parameter(static_cast<std::size_t>(nodes), -1);
        Index parameters = 0;
        for (Index k = 0; k < nodes; ++k)
            if (all_nodes || !grid.on_boundary(grid.unflatten(k, 1))) parameter[k] = parameters++;
        Assembler a(nodes, parameters);
        for (Index k = 0; k < nodes; ++k) {
            const auto at = grid.unflatten(k, 1);
            if (grid.on_boundary(at)) {
                a.fix(k, boundary[k]);
                continue;
            }
            a.add_term(k, k, parameter[k], 1.0);
            for (Index axis = 0; axis < grid.dim(); ++axis) {
                const double w = 0.5 / (grid.spacing(axis) * grid.spacing(axis));
                a.add(k, k, 2.0 * w);
                for (const Index step : {-1, 1}) {
                    auto next = at;
                    next[axis] += step;
                    a.add(k, grid.flatten(next, 1), -w);
                }
            }
        }
        AffineSystem s = a.finish(interpolation(grid, points), grid.node_coordinates());
        if (grid.dim() > 1) {
            s.box = BoxProblem{BoxProblem::Kind::kPotential, axes(grid), {}};
            for (Index k = 0; k < nodes; ++k)
                if (!grid.on_boundary(grid.unflatten(k, 1)))
                    s.box->parameter.push_back(parameter[k]);
        }
        return s;
    }

    static AffineSystem linear_elements(const TriangleMesh& mesh, const Matrix& points,
                                        const Vector& boundary) {
        Assembler a(mesh.node_count(), mesh.node_count());
        const auto on_boundary = mesh.boundary();
        for (Index k = 0; k < mesh.node_count(); ++k)
            if (on_boundary[k]) a.fix(k, boundary[k]);
        for (Index t = 0; t < mesh.cell_count(); ++t) {
            const P1Element element(mesh, t);
            const auto& c = mesh.cells[t];
            for (int p = 0; p < 3; ++p) {
                a.add_term(c[p], c[p], c[p], mesh.area(t) / 3.0);
                for (int q = 0; q < 3; ++q) a.add(c[p], c[q], 0.5 * element.stiffness(p, q));
            }
        }
        return a.finish(interpolation(mesh, points), mesh.points);
    }
};

static_assert(ForwardModel<Schrodinger> && HasPull<Schrodinger> && HasPush<Schrodinger>);

}  // namespace m4dl
