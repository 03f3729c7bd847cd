package image

import "testing"

// A chart of Gitea's Helm repository has a reference that reads back as the same, and that is no image.
func TestChart(t *testing.T) {
	for _, test := range []struct{ url, name, version, want string }{
		{"https://git.example.com/api/packages/team/helm", "web", "1.0.0", "helm://git.example.com/team/web:1.0.0"},
		{"http://GIT.example.com:3000/api/packages/Team/helm/", "web", "v1.0.0-RC.1+b.2", "helm://git.example.com:3000/team/web:v1.0.0-RC.1+b.2"},
		{"https://git.example.com:443/api/packages/team/helm", "web", "1.0.0", "helm://git.example.com/team/web:1.0.0"},
		{"http://git.example.com:443/api/packages/team/helm", "web", "1.0.0", ""},
		{"https://charts.example.com/stable", "web", "1.0.0", ""},
		{"https://git.example.com/api/packages/team/generic", "web", "1.0.0", ""},
		{"https://git.example.com/api/packages/team/of/helm", "web", "1.0.0", ""},
		{"oci://git.example.com/team", "web", "1.0.0", ""},
		{"", "web", "1.0.0", ""},
		{"://", "web", "1.0.0", ""},
		{"https://git.example.com/api/packages/team/helm", "Web", "1.0.0", ""},
		{"https://git.example.com/api/packages/team/helm", "a/web", "1.0.0", ""},
		{"https://git.example.com/api/packages/team/helm", "web:1", "1.0.0", ""},
		{"https://git.example.com/api/packages/team/helm", "", "1.0.0", ""},
		{"https://git.example.com/api/packages/team/helm", "web", "", ""},
		{"https://git.example.com/api/packages/team/helm", "web", "1.0.0\ncontainer/a==1", ""},
		{"https://git.example.com/api/packages/team/helm", "web", "1==2", ""},
	} {
		chart, ok := Chart(test.url, test.name, test.version)
		if chart.String() != test.want || ok != (test.want != "") {
			t.Errorf("%v: got %q, %t", test, chart.String(), ok)
		}
		if !ok {
			continue
		}
		if again, err := ParseChart(test.want); err != nil || again != chart {
			t.Errorf("%s is read as %+v, %v", test.want, again, err)
		}
		if ref, err := Parse(test.want); err == nil {
			t.Errorf("%s is the image %+v", test.want, ref)
		}
		if beside, isChart := chart.Repository.OfChart(); !isChart || "helm://"+beside.String()+":"+chart.Tag != test.want {
			t.Errorf("%s is beside %s, %t", test.want, beside, isChart)
		}
	}
}
