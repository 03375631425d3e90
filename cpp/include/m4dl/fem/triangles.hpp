// A conforming triangle mesh of a plane domain, given by points and cells.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "m4dl/fem/grid.hpp"

namespace m4dl {

struct TriangleMesh {
    Matrix points;                            // (P, 2)
    std::vector<std::array<Index, 3>> cells;  // node indices

    Index node_count() const { return points.rows(); }
    Index cell_count() const { return static_cast<Index>(cells.size()); }

    // Twice the signed area.
    double cross(const std::array<Index, 3>& c) const {
        const auto a = points.row(c[0]), b = points.row(c[1]), d = points.row(c[2]);
        return (b[0] - a[0]) * (d[1] - a[1]) - (b[1] - a[1]) * (d[0] - a[0]);
    }
    double area(Index cell) const { return 0.5 * std::abs(cross(cells[cell])); }

    // Nodes on edges that belong to one triangle only.
    std::vector<bool> boundary() const {
        std::map<std::pair<Index, Index>, int> edges;
        for (const auto& c : cells)
            for (int k = 0; k < 3; ++k) ++edges[std::minmax(c[k], c[(k + 1) % 3])];
        std::vector<bool> on(static_cast<std::size_t>(node_count()), false);
        for (const auto& [edge, times] : edges)
            if (times == 1) on[edge.first] = on[edge.second] = true;
        return on;
    }

    // Gradients of the three hat functions: grad l_k = rotated opposite edge / (2 area).
    std::array<std::array<double, 2>, 3> gradients(Index cell) const {
        const auto& c = cells[cell];
        const double twice = cross(c);
        std::array<std::array<double, 2>, 3> g;
        for (int k = 0; k < 3; ++k) {
            const auto p = points.row(c[(k + 1) % 3]), q = points.row(c[(k + 2) % 3]);
            g[k] = {(p[1] - q[1]) / twice, (q[0] - p[0]) / twice};
        }
        return g;
    }

    // Barycentric weights in the triangle that holds the point; empty when none does.
    Weights interpolate(const double* point) const {
        constexpr double slack = 1e-10;  // a point on an edge belongs to either side
        for (const auto& c : cells) {
            const double twice = cross(c);
            std::array<double, 3> l;
            for (int k = 0; k < 3; ++k) {
                const auto p = points.row(c[(k + 1) % 3]), q = points.row(c[(k + 2) % 3]);
                l[k] =
                    ((q[0] - p[0]) * (point[1] - p[1]) - (q[1] - p[1]) * (point[0] - p[0])) / twice;
            }
            if (l[0] < -slack || l[1] < -slack || l[2] < -slack) continue;
            return {{c[0], l[0]}, {c[1], l[1]}, {c[2], l[2]}};
        }
        return {};
    }
};

}  // namespace m4dl
