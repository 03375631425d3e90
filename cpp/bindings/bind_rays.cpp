// Transforms along rays.
#include "m4dl/model/attenuated_xray.hpp"
#include "m4dl/model/non_abelian_xray.hpp"
#include "m4dl/model/xray.hpp"
#include "models.hpp"

namespace m4dl::bind {
namespace {

std::vector<double> to_doubles(const Array& a) {
    return std::vector<double>(a.data(), a.data() + a.size());
}

}  // namespace

void bind_rays(py::module_& m) {
    py::class_<Paths>(m, "Paths")
        .def(py::init([](const Integers& first, const Array& width, Index nodes,
                         const Integers& node, const Array& weight) {
                 return Paths(to_indices(first), to_doubles(width), nodes, to_indices(node),
                              to_doubles(weight));
             }),
             py::kw_only(), "first"_a, "width"_a, "nodes"_a, "node"_a, "weight"_a,
             "node, weight: (2 steps, entries): where a field is taken from at each point.")
        .def_property_readonly("rays", &Paths::rays)
        .def_property_readonly("steps", &Paths::steps);
    m.def("xray", [](const Paths& paths) { return make<XRay>(paths); }, "paths"_a);
    m.def(
        "attenuated_xray",
        [](const Paths& paths, const Array& attenuation) {
            return make<AttenuatedXRay>(paths, to_vector(attenuation));
        },
        "paths"_a, "attenuation"_a, "attenuation: at the points of the paths, (2 steps,).");
    m.def(
        "unknown_attenuation_xray",
        [](const Paths& paths, const Link& link) {
            return make<UnknownAttenuationXRay>(paths, link);
        },
        "paths"_a, "link"_a);
    m.def(
        "non_abelian_xray",
        [](const Paths& paths, const std::string& group, Index n) {
            using Group = NonAbelianXRay::Group;
            const std::map<std::string, Group> groups{
                {"so3", Group::kSo3}, {"su2", Group::kSu2}, {"so", Group::kSoN}};
            const auto it = groups.find(group);
            require(it != groups.end(), "group must be 'so3', 'su2' or 'so', got '", group, "'");
            return make<NonAbelianXRay>(paths, it->second, n);
        },
        "paths"_a, "group"_a, "n"_a);
}

}  // namespace m4dl::bind
