#include "m4dl/linalg/symbolic.hpp"

#include <iterator>
#include <list>
#include <numeric>

#include "m4dl/base/require.hpp"

namespace m4dl {
namespace {

// Merging a child into its parent stores zeros but saves an assembly; accepted while zeros are at
// most this share of the panel, or for panels this narrow.
constexpr double kZeroShare = 0.05;
constexpr Index kNarrow = 2;

using Lists = std::vector<std::vector<Index>>;

// Rows below the diagonal of each column of A in the eliminated order.
Lists permuted_columns(const LowerPattern& p, const Order& order) {
    std::vector<Index> position(p.size);
    for (Index k = 0; k < p.size; ++k) position[order[k]] = k;
    Lists below(p.size);
    for (Index j = 0; j < p.size; ++j)
        for (Index e = p.column_start[j]; e < p.column_start[j + 1]; ++e) {
            const Index a = position[j], b = position[p.row[e]];
            if (a != b) below[std::min(a, b)].push_back(std::max(a, b));
        }
    for (auto& rows : below) std::sort(rows.begin(), rows.end());
    return below;
}

// parent[j] = first row below the diagonal of column j of L (Liu 1990), -1 at a root.
std::vector<Index> elimination_tree(const Lists& below) {
    const Index n = static_cast<Index>(below.size());
    Lists left(n);  // rows: columns k < j with A(j, k) != 0
    for (Index k = 0; k < n; ++k)
        for (const Index j : below[k]) left[j].push_back(k);
    std::vector<Index> parent(n, -1), ancestor(n, -1);
    for (Index j = 0; j < n; ++j)
        for (Index k : left[j])
            while (k != -1 && k < j) {
                const Index next = ancestor[k];
                ancestor[k] = j;
                if (next == -1) parent[k] = j;
                k = next;
            }
    return parent;
}

Order postorder(const std::vector<Index>& parent) {
    const Index n = static_cast<Index>(parent.size());
    std::vector<Index> first_child(n, -1), sibling(n, -1);
    std::vector<Index> roots;
    for (Index j = n - 1; j >= 0; --j) {
        if (parent[j] == -1) {
            roots.push_back(j);
            continue;
        }
        sibling[j] = first_child[parent[j]];
        first_child[parent[j]] = j;
    }
    Order out;
    out.reserve(n);
    std::vector<Index> stack;
    for (auto r = roots.rbegin(); r != roots.rend(); ++r) {
        stack.push_back(*r);
        while (!stack.empty()) {
            const Index j = stack.back();
            if (first_child[j] != -1) {
                stack.push_back(first_child[j]);
                first_child[j] = sibling[first_child[j]];
            } else {
                out.push_back(j);
                stack.pop_back();
            }
        }
    }
    return out;
}

struct Panel {
    Index first, width;
    std::vector<Index> below;  // rows below the diagonal block
    double zeros = 0;          // stored although L has none there
    Index height() const { return width + static_cast<Index>(below.size()); }
};

// Fundamental supernodes, merged greedily with a last child where few zeros result.
std::vector<Panel> supernodes(const Lists& a_below, const std::vector<Index>& parent) {
    const Index n = static_cast<Index>(a_below.size());
    Lists pending(n), children(n);
    for (Index j = 0; j < n; ++j)
        if (parent[j] != -1) children[parent[j]].push_back(j);
    std::vector<Panel> panels;
    std::vector<Index> merged, scratch;
    for (Index j = 0; j < n; ++j) {
        merged = a_below[j];
        for (const Index c : children[j]) {
            scratch.clear();
            std::set_union(merged.begin(), merged.end(),
                           std::upper_bound(pending[c].begin(), pending[c].end(), j),
                           pending[c].end(), std::back_inserter(scratch));
            merged.swap(scratch);
            std::vector<Index>().swap(pending[c]);
        }
        pending[j] = merged;
        Panel own{j, 1, merged, 0.0};
        // Absorb panels that end right before this one and whose first row below is ours.
        while (!panels.empty()) {
            const Panel& last = panels.back();
            if (last.below.empty() || last.below.front() != own.first) break;
            // Below the corner where the two meet, the merged panel stores zeros for `last`.
            const double zeros =
                last.zeros + own.zeros +
                static_cast<double>(last.width) *
                    static_cast<double>(own.height() - static_cast<Index>(last.below.size()));
            const Index width = last.width + own.width;
            const double stored =
                static_cast<double>(width) * static_cast<double>(last.width + own.height());
            if (zeros > kZeroShare * stored && width > kNarrow) break;
            own.zeros = zeros;
            own.first = last.first;
            own.width += last.width;
            panels.pop_back();
        }
        panels.push_back(std::move(own));
    }
    return panels;
}

// First-fit memory plan for the update matrices, whose lifetimes nest like the tree.
class Arena {
public:
    Index take(Index size) {
        for (auto hole = holes_.begin(); hole != holes_.end(); ++hole)
            if (hole->second >= size) {
                const Index at = hole->first;
                hole->first += size;
                hole->second -= size;
                if (hole->second == 0) holes_.erase(hole);
                return at;
            }
        const Index at = top_;
        top_ += size;
        peak_ = std::max(peak_, top_);
        return at;
    }
    void give(Index at, Index size) {
        if (size == 0) return;
        auto next = holes_.begin();
        while (next != holes_.end() && next->first < at) ++next;
        auto hole = holes_.insert(next, {at, size});
        if (auto after = std::next(hole); after != holes_.end() && after->first == at + size) {
            hole->second += after->second;
            holes_.erase(after);
        }
        if (hole != holes_.begin())
            if (auto before = std::prev(hole); before->first + before->second == at) {
                before->second += hole->second;
                holes_.erase(hole);
                hole = before;
            }
        if (hole->first + hole->second == top_) {
            top_ = hole->first;
            holes_.erase(hole);
        }
    }
    Index peak() const { return peak_; }

private:
    std::list<std::pair<Index, Index>> holes_;
    Index top_ = 0, peak_ = 0;
};

}  // namespace

Symbolic analyse(const LowerPattern& pattern, Order order) {
    const Index n = pattern.size;
    require(static_cast<Index>(order.size()) == n, "an ordering of ", n, " unknowns has ",
            order.size(), " entries");
    Symbolic s;
    s.size = n;
    {
        const auto post = postorder(elimination_tree(permuted_columns(pattern, order)));
        s.order.resize(n);
        for (Index k = 0; k < n; ++k) s.order[k] = order[post[k]];
    }
    const Lists below = permuted_columns(pattern, s.order);
    const auto panels = supernodes(below, elimination_tree(below));

    std::vector<Index> owner(n);  // supernode of each column
    const Index count = static_cast<Index>(panels.size());
    for (Index q = 0; q < count; ++q)
        for (Index k = 0; k < panels[q].width; ++k) owner[panels[q].first + k] = q;
    Lists children(count);
    for (Index q = 0; q < count; ++q)
        if (!panels[q].below.empty()) children[owner[panels[q].below.front()]].push_back(q);

    Arena arena;
    s.nodes.resize(count);
    for (Index q = 0; q < count; ++q) {
        const Panel& panel = panels[q];
        Supernode& node = s.nodes[q];
        node.first = panel.first;
        node.width = panel.width;
        node.height = panel.height();
        node.rows = static_cast<Index>(s.rows.size());
        for (Index k = 0; k < panel.width; ++k) s.rows.push_back(panel.first + k);
        s.rows.insert(s.rows.end(), panel.below.begin(), panel.below.end());
        node.panel = s.panel_entries;
        s.panel_entries += node.width * node.height;
        node.children = static_cast<Index>(s.children.size());
        s.children.insert(s.children.end(), children[q].begin(), children[q].end());
        node.children_end = static_cast<Index>(s.children.size());
        const Index rest = node.height - node.width;
        node.update = arena.take(rest * rest);
        for (const Index c : children[q]) {
            const Index below_child = s.nodes[c].height - s.nodes[c].width;
            arena.give(s.nodes[c].update, below_child * below_child);
        }
        for (Index k = 0; k < node.width; ++k) {
            const double length = static_cast<double>(node.height - k);
            s.flops += 0.5 * length * (length + 1);
        }
    }
    s.update_entries = arena.peak();

    for (Index q = 0; q < count; ++q) {  // rows of a child within its parent
        Supernode& node = s.nodes[q];
        node.relative = static_cast<Index>(s.relative.size());
        if (panels[q].below.empty()) continue;
        const Supernode& parent = s.nodes[owner[panels[q].below.front()]];
        const auto begin = s.rows.begin() + parent.rows, end = begin + parent.height;
        for (const Index row : panels[q].below) {
            const Index at = std::lower_bound(begin, end, row) - begin;
            s.relative.push_back(at);
            if (at < parent.width) ++node.into_panel;
        }
    }

    std::vector<Index> position(n);
    for (Index k = 0; k < n; ++k) position[s.order[k]] = k;
    std::vector<std::vector<std::pair<Index, Index>>> assembly(count);
    for (Index j = 0; j < n; ++j)
        for (Index e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e) {
            const Index a = position[j], b = position[pattern.row[e]];
            const Index column = std::min(a, b), row = std::max(a, b), q = owner[column];
            const auto begin = s.rows.begin() + s.nodes[q].rows, end = begin + s.nodes[q].height;
            const Index at = std::lower_bound(begin, end, row) - begin;
            assembly[q].emplace_back(e, at * s.nodes[q].width + column - s.nodes[q].first);
        }
    for (Index q = 0; q < count; ++q) {
        s.nodes[q].entries = static_cast<Index>(s.source.size());
        for (const auto& [source, target] : assembly[q]) {
            s.source.push_back(source);
            s.target.push_back(target);
        }
        s.nodes[q].entries_end = static_cast<Index>(s.source.size());
    }
    return s;
}

Symbolic analyse(const LowerPattern& pattern, const Matrix& coordinates) {
    require(coordinates.size() == 0 || coordinates.rows() == pattern.size, "coordinates must have ",
            pattern.size, " rows, got ", coordinates.rows());
    Symbolic best = analyse(pattern, nested_dissection(pattern, Matrix()));
    auto consider = [&](Order order) {
        Symbolic other = analyse(pattern, std::move(order));
        if (other.flops < best.flops) best = std::move(other);
    };
    if (coordinates.size() > 0) consider(nested_dissection(pattern, coordinates));
    consider(minimum_degree(pattern));
    return best;
}

}  // namespace m4dl
