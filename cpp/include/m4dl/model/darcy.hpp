// Divergence-form equation (groundwater flow): -div(f grad u) = s in O, u = g on the boundary,
// f = link(theta) (Giordano, Nickl, Inverse Problems 2020; benchmark: Aristoff, Bangerth, SIAM
// Review 2023).
#pragma once

#include "m4dl/fem/elements.hpp"
#include "m4dl/model/assembler.hpp"

namespace m4dl {

// The coefficient of a cell is the mean of the coefficients listed for it: one for a coefficient
// constant on blocks or cells, the corners' for a coefficient at the nodes.
using CellParameters = std::vector<std::vector<Index>>;

class Darcy : public AffineElliptic {
public:
    // Q1 elements on a grid. `source`, `boundary`: s and g at the nodes.
    Darcy(const Grid& grid, const Matrix& points, const Vector& source, const Vector& boundary,
          const CellParameters& coefficient, Index parameters, Link link,
          const SolverOptions& options = {})
        : AffineElliptic(multilinear(grid, points, source, boundary, coefficient, parameters), link,
                         options) {}

    // P1 elements on triangles.
    Darcy(const TriangleMesh& mesh, const Matrix& points, const Vector& source,
          const Vector& boundary, const CellParameters& coefficient, Index parameters, Link link,
          const SolverOptions& options = {})
        : AffineElliptic(linear(mesh, points, source, boundary, coefficient, parameters), link,
                         options) {}

    // Cell -> block of a coarser grid of the same box; each block is a whole number of cells.
    static CellParameters on_blocks(const Grid& grid, const std::vector<Index>& blocks) {
        Grid coarse = grid;
        coarse.cells = blocks;
        CellParameters out;
        for (Index k = 0; k < grid.cell_count(); ++k) {
            auto at = grid.unflatten(k, 0);
            for (Index a = 0; a < grid.dim(); ++a) at[a] /= grid.cells[a] / blocks[a];
            out.push_back({coarse.flatten(at, 0)});
        }
        return out;
    }
    static CellParameters on_nodes(const Grid& grid) {
        CellParameters out;
        for (Index k = 0; k < grid.cell_count(); ++k) {
            auto& corners = out.emplace_back();
            for (Index q = 0; q < grid.corners(); ++q)
                corners.push_back(grid.corner(grid.unflatten(k, 0), q));
        }
        return out;
    }
    static CellParameters on_cells(const TriangleMesh& mesh) {
        CellParameters out;
        for (Index k = 0; k < mesh.cell_count(); ++k) out.push_back({k});
        return out;
    }
    static CellParameters on_nodes(const TriangleMesh& mesh) {
        CellParameters out;
        for (const auto& c : mesh.cells) out.push_back({c[0], c[1], c[2]});
        return out;
    }

private:
    // The coefficient of each cell as a mean of parameters; none if they are the parameters.
    static std::optional<SparseRows> mean(const CellParameters& coefficient, Index parameters) {
        std::vector<Entry> entries;
        bool identity = static_cast<Index>(coefficient.size()) == parameters;
        for (Index cell = 0; cell < static_cast<Index>(coefficient.size()); ++cell) {
            const auto& list = coefficient[cell];
            identity = identity && list.size() == 1 && list[0] == cell;
            for (const Index k : list)
                entries.push_back({cell, k, 1.0 / static_cast<double>(list.size())});
        }
        if (identity) return std::nullopt;
        return SparseRows(static_cast<Index>(coefficient.size()), parameters, std::move(entries));
    }

    // One element: stiffness times the coefficient of the cell, source by the consistent mass.
    template <class Nodes, class Local>
    static void add_element(Assembler& a, const Nodes& nodes, const Local& stiffness,
                            const Local& mass, Index cell, const Vector& source) {
        const Index n = stiffness.rows();
        for (Index p = 0; p < n; ++p)
            for (Index q = 0; q < n; ++q) {
                a.add_term(nodes[p], nodes[q], cell, stiffness(p, q));
                a.add_load(nodes[p], mass(p, q) * source[nodes[q]]);
            }
    }

    static AffineSystem multilinear(const Grid& grid, const Matrix& points, const Vector& source,
                                    const Vector& boundary, const CellParameters& coefficient,
                                    Index parameters) {
        Assembler a(grid.node_count(), grid.cell_count());
        for (Index k = 0; k < grid.node_count(); ++k)
            if (grid.on_boundary(grid.unflatten(k, 1))) a.fix(k, boundary[k]);
        const Q1Element element(grid);
        std::vector<Index> nodes(static_cast<std::size_t>(grid.corners()));
        for (Index k = 0; k < grid.cell_count(); ++k) {
            for (Index q = 0; q < grid.corners(); ++q)
                nodes[q] = grid.corner(grid.unflatten(k, 0), q);
            add_element(a, nodes, element.stiffness, element.mass, k, source);
        }
        AffineSystem s = a.finish(interpolation(grid, points), grid.node_coordinates());
        s.mean = mean(coefficient, parameters);
        if (grid.dim() > 1) s.box = BoxProblem{BoxProblem::Kind::kDiffusion, axes(grid), {}};
        return s;
    }

    static AffineSystem linear(const TriangleMesh& mesh, const Matrix& points, const Vector& source,
                               const Vector& boundary, const CellParameters& coefficient,
                               Index parameters) {
        Assembler a(mesh.node_count(), mesh.cell_count());
        const auto on_boundary = mesh.boundary();
        for (Index k = 0; k < mesh.node_count(); ++k)
            if (on_boundary[k]) a.fix(k, boundary[k]);
        for (Index t = 0; t < mesh.cell_count(); ++t) {
            const P1Element element(mesh, t);
            add_element(a, mesh.cells[t], element.stiffness, element.mass, t, source);
        }
        AffineSystem s = a.finish(interpolation(mesh, points), mesh.points);
        s.mean = mean(coefficient, parameters);
        return s;
    }
};

static_assert(ForwardModel<Darcy> && HasPull<Darcy> && HasPush<Darcy>);

}  // namespace m4dl
