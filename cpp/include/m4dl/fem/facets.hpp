// The facets of a mesh of simplices: edges of triangles, faces of tetrahedra.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "m4dl/linalg/counting_sort.hpp"

namespace m4dl {

template <int D>
struct Facet {
    std::array<Index, D> nodes;  // ascending
    Index cell, opposite;        // the cell it belongs to, and that cell's other node
};

// All facets of all cells, sorted by their nodes: those that several cells share are neighbours.
template <int D>
std::vector<Facet<D>> sorted_facets(const std::vector<std::array<Index, D + 1>>& cells,
                                    Index node_count) {
    std::vector<Facet<D>> out;
    out.reserve(cells.size() * (D + 1));
    for (std::size_t c = 0; c < cells.size(); ++c) {
        auto cell = cells[c];
        std::sort(cell.begin(), cell.end());
        for (int k = 0; k <= D; ++k) {
            Facet<D>& facet = out.emplace_back();
            facet.cell = static_cast<Index>(c);
            facet.opposite = cell[k];
            std::remove_copy(cell.begin(), cell.end(), facet.nodes.begin(), cell[k]);
        }
    }
    for (int k = D - 1; k >= 0; --k)
        out = counting_sort(out, node_count, [k](const Facet<D>& f) { return f.nodes[k]; });
    return out;
}

// visit(first, last) for each range of facets that are one: pointers into the sorted ones.
template <int D, class Visit>
void each_facet(const std::vector<Facet<D>>& sorted, Visit&& visit) {
    for (auto first = sorted.begin(); first != sorted.end();) {
        const auto last = std::find_if(first, sorted.end(), [&](const Facet<D>& other) {
            return other.nodes != first->nodes;
        });
        visit(first, last);
        first = last;
    }
}

}  // namespace m4dl
