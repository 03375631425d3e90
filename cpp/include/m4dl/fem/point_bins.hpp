// Points sorted into about as many equal bins, so that those in a small box are found at once.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "m4dl/linalg/counting_sort.hpp"

namespace m4dl {

template <int D>
class PointBins {
public:
    using Point = Eigen::Array<double, 1, D>;
    using Points = Eigen::Matrix<double, Eigen::Dynamic, D, Eigen::RowMajor>;

    explicit PointBins(const Points& points) : points_(points) {
        const auto count = static_cast<double>(points.rows());
        low_ = points.colwise().minCoeff();
        high_ = points.colwise().maxCoeff();
        per_axis_ = static_cast<Index>(std::ceil(std::pow(count, 1.0 / D)));
        // Where the points do not differ, all of them are in the first bin.
        const Point width = high_ - low_;
        per_length_ = (width > 0.0).select(static_cast<double>(per_axis_) / width, 0.0);

        Index bins = 1;
        for (int a = 0; a < D; ++a) bins *= per_axis_;
        std::vector<Index> bin(static_cast<std::size_t>(points.rows()));
        for (Index p = 0; p < points.rows(); ++p) bin[p] = flatten(place(points.row(p)));
        start_.assign(static_cast<std::size_t>(bins) + 1, 0);
        for (const Index b : bin) ++start_[b + 1];
        std::partial_sum(start_.begin(), start_.end(), start_.begin());
        order_.resize(bin.size());
        std::iota(order_.begin(), order_.end(), Index{0});
        order_ = counting_sort(order_, bins, [&](Index p) { return bin[p]; });
    }

    const Points& points() const { return points_; }

    // Calls visit(p) for every point in the closed box.
    template <class Visit>
    void each_in(const Point& low, const Point& high, Visit&& visit) const {
        if ((high < low_).any() || (low > high_).any()) return;
        const Place first = place(low), last = place(high);
        for (Place at = first;;) {
            const Index bin = flatten(at);
            for (Index k = start_[bin]; k < start_[bin + 1]; ++k) {
                const Point x = points_.row(order_[k]);
                if ((x >= low).all() && (x <= high).all()) visit(order_[k]);
            }
            int axis = D - 1;  // the next bin, the last axis fastest
            while (axis >= 0 && at[axis] == last[axis]) at[axis] = first[axis], --axis;
            if (axis < 0) return;
            ++at[axis];
        }
    }

private:
    using Place = Eigen::Array<Index, 1, D>;

    // Monotone in each coordinate, rounding included: a point of a box is in one of its bins. Where a
    // width overflows, there is one bin, and 0 infinity is in it.
    Place place(const Point& x) const {
        const Point bin = ((x - low_) * per_length_).floor();
        return (bin > 0.0)
            .select(bin.min(static_cast<double>(per_axis_ - 1)), 0.0)
            .template cast<Index>();
    }
    Index flatten(const Place& at) const {
        Index k = 0;
        for (int a = 0; a < D; ++a) k = k * per_axis_ + at[a];
        return k;
    }

    const Points& points_;
    Point low_, high_, per_length_;
    Index per_axis_;
    std::vector<Index> start_, order_;  // the points of bin b are order_[start_[b] .. start_[b+1])
};

}  // namespace m4dl
