// What a mesh must be for its boundary and its measure to be those of the domain. A mesh that is none of
// these has matrices all the same, and a solution: of another problem.
//
// - No cell is there twice, and no facet belongs to more than two cells, which lie on either side of it.
// - No node lies in, or on the rim of, a cell that it is no corner of. Two nodes at one place are of
//   this kind, and nodes that hang on an edge; so are overlapping pieces. Whichever it is, facets
//   there have no partner, so only nodes of such facets need to be looked for.
//
// All of it takes a time that grows like the mesh.
#pragma once

#include <limits>
#include <sstream>

#include "m4dl/base/require.hpp"
#include "m4dl/fem/simplices.hpp"

namespace m4dl {

template <int D>
class ConformityCheck {
public:
    explicit ConformityCheck(const SimplexMesh<D>& mesh) : mesh_(mesh) {}

    // Throws std::invalid_argument, naming cells, nodes and places.
    void run() const {
        const auto facets = sorted_facets<D>(mesh_.cells(), mesh_.node_count());
        each_facet<D>(facets, [&](auto first, auto last) {
            if (last - first > 1) check_sharers(first, last);
        });
        look_for_strangers();
    }

private:
    static constexpr const char* kFacet = D == 2 ? "edge" : "face";
    // In heights of a cell: a node so close to it touches it.
    static constexpr double kTouch = 1e-6;

    using Cell = typename SimplexMesh<D>::Cell;

    // The cells that share a facet: two, on either side of it.
    void check_sharers(auto first, auto last) const {
        const auto& second = *(first + 1);
        if (last - first == 2 && first->opposite != second.opposite) {
            if (positive_side(*first) == positive_side(second))
                require(false, "cells ", first->cell, " and ", second.cell,
                        " overlap: they lie on one side of the ", facet(*first),
                        " that they share");
            return;
        }
        std::vector<Facet<D>> sharers(first, last);
        std::sort(sharers.begin(), sharers.end(),
                  [](const Facet<D>& a, const Facet<D>& b) { return a.opposite < b.opposite; });
        for (std::size_t k = 1; k < sharers.size(); ++k)
            if (sharers[k].opposite == sharers[k - 1].opposite)
                require(false, "cells ", sharers[k - 1].cell, " and ", sharers[k].cell,
                        " are one: both have the nodes ", nodes_of(sharers[k].cell));
        require(false, "the ", facet(*first),
                " belongs to more than two cells: ", cells_of(first, last));
    }

    // On which side of a facet the cell's other node lies.
    bool positive_side(const Facet<D>& facet) const {
        Cell cell;
        std::copy(facet.nodes.begin(), facet.nodes.end(), cell.begin());
        cell[D] = facet.opposite;
        return mesh_.determinant(cell) > 0.0;
    }

    // Nodes on the boundary that touch a cell without being one of its corners.
    void look_for_strangers() const {
        std::vector<Index> nodes;
        for (Index p = 0; p < mesh_.node_count(); ++p)
            if (mesh_.boundary()[static_cast<std::size_t>(p)]) nodes.push_back(p);
        typename SimplexMesh<D>::Points places(static_cast<Index>(nodes.size()), D);
        for (std::size_t k = 0; k < nodes.size(); ++k)
            places.row(static_cast<Index>(k)) = mesh_.points().row(nodes[k]);
        const PointBins<D> bins(places);
        const auto& cells = mesh_.cells();
        for (std::size_t c = 0; c < cells.size(); ++c)
            mesh_.each_in(bins, cells[c], kTouch, [&](Index k, const auto& weights) {
                const Index p = nodes[static_cast<std::size_t>(k)];
                if (std::find(cells[c].begin(), cells[c].end(), p) != cells[c].end()) return;
                refuse(p, static_cast<Index>(c), weights);
            });
    }

    [[noreturn]] void refuse(Index p, Index c, const auto& weights) const {
        Index nearest = 0;
        weights.maxCoeff(&nearest);
        std::ostringstream what;
        what.precision(std::numeric_limits<double>::max_digits10);
        what << "node " << p << " at " << place(p);
        if (1.0 - weights[nearest] < 10.0 * kTouch)
            what << " is where node " << mesh_.cells()[c][nearest] << " is";
        else if (weights.minCoeff() < kTouch)
            what << " hangs on the rim of cell " << c << ", which has the nodes " << nodes_of(c);
        else
            what << " lies inside cell " << c << ", which has the nodes " << nodes_of(c);
        what << ": cells must meet in whole " << kFacet
             << "s and share their nodes (merge what lies at "
             << "one place; sides of a crack must be apart by more than a millionth of a cell)";
        throw std::invalid_argument(what.str());
    }

    std::string place(Index p) const {
        std::ostringstream out;
        out.precision(std::numeric_limits<double>::digits10);
        for (int a = 0; a < D; ++a) out << (a ? ", " : "(") << mesh_.points()(p, a);
        return out.str() + ")";
    }
    static std::string facet(const Facet<D>& f) {
        return std::string(kFacet) + " of nodes " + text(f.nodes);
    }
    std::string nodes_of(Index cell) const { return text(mesh_.cells()[cell]); }
    static std::string text(const auto& numbers) {
        std::ostringstream out;
        for (std::size_t k = 0; k < numbers.size(); ++k) out << (k ? ", " : "") << numbers[k];
        return out.str();
    }
    static std::string cells_of(auto first, auto last) {
        std::ostringstream out;
        for (auto f = first; f != last; ++f) out << (f == first ? "" : ", ") << f->cell;
        return out.str();
    }

    const SimplexMesh<D>& mesh_;
};

}  // namespace m4dl
